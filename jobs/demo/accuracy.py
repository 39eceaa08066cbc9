"""How good the served predictions were, beside baselines and beside the same model on point-in-time features."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import orjson
import pyarrow.parquet as pq

from penstock.features.compilers.duckdb.parquet import parquet
from penstock.jobs.console.times import time_words
from penstock.jobs.demo.outcome import MODEL, TIMED_REQUESTS, Outcome
from penstock.jobs.demo.timeline import Timeline
from penstock.jobs.models.folder import load_current
from penstock.jobs.project.project import Project
from penstock.jobs.training.training_set import training_set

Doubles = npt.NDArray[np.float64]

SAMPLES = 5


@dataclass(frozen=True)
class Accuracy:
    """``errors``: name → mean absolute error in minutes, over ``labelled`` flights; times in milliseconds.

    ``different``: predictions that are not those of the same model on point-in-time features, to the bit.
    """

    errors: dict[str, float]
    labelled: int
    ids: int
    stale: int
    different: int
    ahead_max_ms: int
    timed_ms: Doubles
    pace: float
    samples: list[str]


def accuracy(project: Project, span: Timeline, outcome: Outcome, proof: Path) -> Accuracy:
    """Joins predictions (by offset) with their requests and the arrivals that followed."""
    predictions = sorted(_lines(proof / "predictions.ndjson"), key=lambda p: int(p["id"].rsplit("-", 1)[1]))
    requests = _lines(proof / "requests.ndjson")
    labels = _labels(project)
    actual = np.array([labels.get(request["flight_id"], np.nan) for request in requests])
    known = ~np.isnan(actual)
    served = np.array([p["value"] for p in predictions])
    exact = _point_in_time(project, span, proof)
    route = _route_means(project, span, requests)
    departed = np.array([request["dep_delay"] for request in requests], dtype=float)
    errors = {
        "served from the stream": _mae(served, actual, known),
        "the same model on point-in-time features": _mae(exact, actual, known),
        "baseline: the departure delay itself": _mae(departed, actual, known),
        "baseline: the route's mean until then": _mae(route, actual, known),
    }
    ahead = np.array([_ahead(prediction) for prediction in predictions])
    timed = _timed(outcome, predictions)
    return Accuracy(
        errors,
        int(known.sum()),
        len({p["id"] for p in predictions}),
        sum(p["stale"] for p in predictions),
        int((served != exact).sum()),
        int(ahead.max()),
        timed,
        (len(predictions) - min(TIMED_REQUESTS, len(timed))) / outcome.live_seconds,
        _samples(requests, predictions, actual),
    )


def _lines(file: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in file.read_bytes().split(b"\n") if line]


def _mae(predicted: Doubles, actual: Doubles, known: Doubles) -> float:
    return float(np.mean(np.abs(predicted[known] - actual[known])))


def _labels(project: Project) -> dict[str, float]:
    with duckdb.connect() as connection:
        arrived = parquet(glob.glob(project.history("arrivals")))
        rows = connection.execute(f"SELECT flight_id, arr_delay FROM {arrived} WHERE arr_delay IS NOT NULL").fetchall()
        return dict(rows)


def _point_in_time(project: Project, span: Timeline, proof: Path) -> Doubles:
    """The current model on the batch's features at each request's own time, in the requests' order."""
    file = proof / "point_in_time.parquet"
    training_set(project, MODEL, span.live, span.end, file, change_points=proof / "batch")
    table = pq.read_table(file)
    order = np.lexsort((np.array(table["id"].to_pylist()), np.array(table["t"])))
    model = load_current(project.config.models_at, project.model(MODEL).model_plan)
    predicted: Doubles = model.predict_table(table)[order]
    return predicted


def _route_means(project: Project, span: Timeline, requests: list[dict[str, Any]]) -> Doubles:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(
            f"""SELECT origin, dest, avg(arr_delay) FROM {parquet(glob.glob(project.history("arrivals")))}
            WHERE epoch_ms(CAST(ts AS TIMESTAMP)) < {span.live} GROUP BY GROUPING SETS ((origin, dest), ())"""
        ).fetchall()
    means = {(origin, dest): mean for origin, dest, mean in rows}
    return np.array([means.get((r["origin"], r["dest"]), means[None, None]) for r in requests])


def _ahead(prediction: dict[str, Any]) -> int:
    times = [view["t"] for view in prediction["views"].values() if view["t"] is not None]
    return max(0, max(times, default=0) - int(prediction["t"]))


def _timed(outcome: Outcome, predictions: list[dict[str, Any]]) -> Doubles:
    """Milliseconds from a request's Kafka timestamp to its prediction's arrival, for the timed part."""
    timed = [p for p in predictions if p["t"] >= outcome.timed_from_ms and p["id"] in outcome.received]
    return np.array([outcome.received[p["id"]] * 1000 - p["requested_at"] for p in timed])


def _samples(requests: list[dict[str, Any]], predictions: list[dict[str, Any]], actual: Doubles) -> list[str]:
    places = np.linspace(0, len(requests) - 1, SAMPLES).astype(int)
    return [_sentence(requests[i], predictions[i], actual[i]) for i in places]


def _sentence(request: dict[str, Any], prediction: dict[str, Any], actual: float) -> str:
    came = "it never arrived" if np.isnan(actual) else f"it was {actual:+.0f}"
    return (
        f"{request['flight_id']} {request['origin']}→{request['dest']} left {time_words(prediction['t'])} "
        f"{request['dep_delay']:+.0f} min: expected {prediction['value']:+.1f} min at arrival, {came}"
    )
