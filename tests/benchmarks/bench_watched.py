"""Quality, drift and retraining on the real flights of two months. Run: ``python -m tests.benchmarks.bench_watched``.

A version learns January to September. Then it answers November and December, once as they were, and once with a shift:
from a moment on, departures give their delay in seconds and not in minutes. Its answers are made from the training
set's vectors, which have the bits of served ones; topics, broker, ledger, drift and retraining are the real ones.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console

from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.binning.counting import Counting
from penstock.jobs.console.times import time_words
from penstock.jobs.demo.outcome import MODEL, backfill_all
from penstock.jobs.drift.report import report
from penstock.jobs.drift.watching import Watching
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.ledger.joining import Answer, Outcome
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.ledger.opening import catch_up, open_ledger
from penstock.jobs.ledger.scores import by_version
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project
from penstock.jobs.retraining.run import Retraining, Settings
from penstock.jobs.training.metrics import metrics_of
from penstock.jobs.training.train import train
from penstock.jobs.training.training_set import training_set
from tests.flights import Days, flights_project, ms

DAYS = Days(ms("2013-01-01"), ms("2013-10-01"), ms("2013-11-01"), ms("2014-01-01"))
#: The first flights of a day in New York.
SHIFTED = ms("2013-12-01T11:00:00")
SECONDS = 60.0
#: Predictions between two looks at drift.
LOOK = 25
#: Event time between two rounds of retraining.
ROUND_MS = 12 * 3_600_000
#: So many rounds from a day before the shift on; then one in so many days.
ROUNDS, DAYS_APART = 8, 4
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class World:
    """``table``: rows of the training set from ``live`` on, by time; ``rows``: of it the vectors, as JSON values."""

    project: Project
    plan: ModelPlan
    table: pa.Table
    rows: list[dict[str, Any]]
    t: Any
    labels: list[float | None]
    ids: list[str]

    def records(self, model: LoadedModel, first: int, end: int) -> list[dict[str, Any]]:
        """Predictions of rows by a version, as ``infer`` writes them."""
        values = model.predict_table(self.table.slice(first, end - first)).tolist()
        own = {"model": MODEL, "version": model.version, "fingerprint": self.plan.fingerprint}
        return [
            {"id": f"bench-0-{n}", "value": values[n - first], **own, "t": int(self.t[n])}
            | {"vector": self.rows[n], "event": self.ids[n]}
            for n in range(first, end)
        ]


def main() -> None:
    """Prints what was found, and what it cost."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
        folder = Path(name)
        quiet = _world(folder / "quiet", None)
        _learn(quiet)
        shifted = _world(folder / "shifted", SHIFTED)
        _learn(shifted, quiet)
        with Broker(quiet.project.config.state):
            _quality(console, quiet)
        for title, world in {"two months as they were": quiet, "with the shift": shifted}.items():
            _drift(console, title, world, folder / f"{title[:4].strip()}.db")
        with Broker(shifted.project.config.state):
            _retraining(console, shifted)


def _world(folder: Path, shifted: int | None) -> World:
    project = flights_project(folder, DAYS)
    if shifted is not None:
        for source in ("departures", "arrivals"):
            _shift(project.config.data / source / "part.parquet", shifted)
    backfill_all(Context(None, False), project, DAYS.start, DAYS.end, project.backfills)
    plan = project.model(MODEL).model_plan
    file = project.config.state / "training" / f"{MODEL}.parquet"
    training_set(project, MODEL, DAYS.start, DAYS.end, file)
    table = pq.read_table(file, partitioning=None)
    table = table.filter(pc.greater_equal(table["t"], DAYS.live)).combine_chunks()
    rows = table.select([item.name for item in plan.vector]).to_pylist()
    return World(
        project, plan, table, rows, np.asarray(table["t"]), table["label"].to_pylist(), table["id"].to_pylist()
    )


def _shift(file: Path, since: int) -> None:
    table = pq.read_table(file, partitioning=None)
    late = pc.greater_equal(pc.divide(table["ts"].cast("int64"), 1000), since)
    delay = pc.if_else(late, pc.multiply(table["dep_delay"], SECONDS), table["dep_delay"])
    place = table.schema.get_field_index("dep_delay")
    pq.write_table(table.set_column(place, table.schema.field(place), delay), file)


def _learn(world: World, like: World | None = None) -> None:
    """The version of January to September; both worlds have the same rows until the shift."""
    file = (like or world).project.config.state / "training" / f"{MODEL}.parquet"
    spans = Span(DAYS.start, DAYS.evaluated), Span(DAYS.evaluated, DAYS.live)
    train(file, world.plan, world.project.config.models_at, *spans)


def _send(world: World, records: list[dict[str, Any]], labels: list[int]) -> None:
    """Predictions, and the arrivals of these rows, to their topics."""
    with producer(world.project.config) as sender:
        for record in records:
            sender.send(world.plan.output, orjson.dumps(record), record["id"].encode())
        for n in labels:
            row = {"flight_id": world.ids[n], "arr_delay": world.labels[n], "ts": int(world.t[n]) + 1}
            sender.send(world.project.topic("arrivals"), orjson.dumps(row))


def _quality(console: Console, world: World) -> None:
    ensure_topics(world.project.config, [world.plan.output, world.project.topic("arrivals")])
    model = load_current(world.project.config.models_at, world.plan)
    known = [n for n, label in enumerate(world.labels) if label is not None]
    _send(world, world.records(model, 0, len(world.rows)), known)
    began, busy = time.perf_counter(), time.process_time()
    catch_up(world.project, MODEL)
    took, busy = time.perf_counter() - began, time.process_time() - busy
    with open_ledger(world.project, world.plan) as ledger:
        (score,) = by_version(ledger.scores()).values()
    values = model.predict_table(world.table)[known]
    label = np.array([world.labels[n] for n in known])
    batch = metrics_of(world.plan.objective, values, label, np.ones(len(known)))
    console.print(f"live {score.metrics}, {score.words()}")
    console.print(f"batch over the same ids has the same bits: {batch == score.metrics}")
    records = len(world.rows) + len(known)
    console.print(f"{records:,} records into the ledger: {records / took:,.0f}/s, {1e6 * busy / records:.0f} us each")


def _drift(console: Console, title: str, world: World, file: Path) -> None:
    """As a follower sees it: it looks while hours are not over yet."""
    model = load_current(world.project.config.models_at, world.plan)
    told: list[tuple[int, str]] = []
    now, looks, spent, ratio, excess = 0, 0, 0.0, 0.0, 0.0
    with Ledger(file, world.plan, 10**12, Counting(world.project.config.models_at, world.plan)) as ledger:
        watching = Watching(ledger, world.plan, world.project.config.models_at, lambda line: told.append((now, line)))
        for answers, outcomes in _steps(world, model):
            ledger.add(answers, outcomes, {})
            now, began = answers[-1].t, time.process_time()
            figures = watching.look()
            spent, looks = spent + time.process_time() - began, looks + 1
            ratio = max([ratio, *(each.psi / each.limit for each in figures.values())])
            excess = max([excess, *(each.excess for each in figures.values())])
        found = report(ledger, world.plan)
    (version,) = found.versions
    console.print(
        f"{title}: {len(version.windows):,} windows, {len(told)} alarms; a look takes {1000 * spent / looks:.0f} ms"
    )
    console.print(
        f"  the greatest index of a newest window is {ratio:.2f} of its limit, and the greatest excess {excess:.2f}"
    )
    for at, line in told[:12]:
        console.print(f"  at {time_words(at)} {line}")
    if told:
        first = int(world.t[np.searchsorted(world.t, SHIFTED)])
        minutes = (told[0][0] - first) / 60_000
        console.print(
            f"  the first alarm is {minutes:.0f} minutes of event time after the first request that is shifted"
        )


def _steps(world: World, model: LoadedModel) -> Iterator[tuple[list[Answer], list[Outcome]]]:
    """Each with the labels of requests three hours before."""
    labelled = 0
    for first in range(0, len(world.rows), LOOK):
        records = world.records(model, first, min(first + LOOK, len(world.rows)))
        come = int(np.searchsorted(world.t, records[-1]["t"] - 3 * 3_600_000))
        outcomes = [
            Outcome(orjson.dumps(world.ids[n]).decode(), int(world.t[n]) + 1, 0, n, world.labels[n])
            for n in range(labelled, come)
        ]
        labelled = max(labelled, come)
        yield [_answer(record) for record in records], outcomes


def _answer(record: dict[str, Any]) -> Answer:
    event = orjson.dumps(record["event"]).decode()
    value, vector = orjson.dumps(record["value"]), orjson.dumps(record["vector"])
    return Answer(record["id"], record["version"], event, record["t"], value, vector)


def _retraining(console: Console, world: World) -> None:
    """From a day before the shift on: what is served goes on with the version that is current then."""
    ensure_topics(world.project.config, [world.plan.output, world.project.topic("arrivals")])
    models = world.project.config.models_at
    frozen = load_current(models, world.plan)
    retraining = Retraining(world.project, MODEL, Settings(newest_ms=_DAY_MS // 2))
    edges = [SHIFTED + (place - 2) * ROUND_MS for place in range(ROUNDS + 1)]
    edges += range(edges[-1] + DAYS_APART * _DAY_MS, DAYS.end, DAYS_APART * _DAY_MS)
    served = np.full(len(world.rows), np.nan)
    for low, high in pairwise([*edges, DAYS.end]):
        first, end = np.searchsorted(world.t, [low, high]).tolist()
        model = load_current(models, world.plan)
        records = world.records(model, first, end)
        served[first:end] = [record["value"] for record in records]
        _send(world, records, [n for n in range(first, end) if world.labels[n] is not None])
        began, busy = time.perf_counter(), time.process_time()
        found = retraining.round()
        took, busy = time.perf_counter() - began, time.process_time() - busy
        if found is not None:
            console.print(f"{time_words(high)}: {took:.1f} s from labels to the end, {busy:.1f} s of processor")
            console.print(f"  {found.summary()}")
    label = np.array([np.nan if each is None else each for each in world.labels])
    own = frozen.predict_table(world.table)
    for title, since in (("after the shift", SHIFTED), ("the last week", DAYS.end - 7 * _DAY_MS)):
        rows = (world.t >= since) & ~np.isnan(label) & ~np.isnan(served)
        errors = [float(np.mean(np.abs(each[rows] - label[rows]))) for each in (own, served)]
        less = 100 * (1 - errors[1] / errors[0])
        console.print(f"{title}: frozen {errors[0]:.3f}, retrained {errors[1]:.3f} minutes, {less:.1f} % less")


if __name__ == "__main__":
    main()
