"""The real flights of two weeks: no alarm as they were, and one within the hour when their delays are in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from penstock.features.span import Span
from penstock.jobs.binning.counting import Counting
from penstock.jobs.drift.watching import Watching
from penstock.jobs.ledger.joining import Answer
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.models.folder import load_current
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.training.train import train
from penstock.jobs.training.training_set import training_set
from tests.flights import Days, flights_project, ms

DAYS = Days(ms("2013-07-01"), ms("2013-10-28"), ms("2013-11-01"), ms("2013-11-15"))
SHIFTED = ms("2013-11-08T11:00:00")
#: Requests between two looks.
LOOK = 50

DEFINITIONS = """
from penstock import Model, Stream

columns = dict(flight_id="string", carrier="string", dep_delay="float64")
departures = Stream("departures", topic="departures", history="departures/*.parquet", time="ts", id="flight_id",
    columns=columns | dict(distance="float64", sched_minutes="float64", sched_hour="int64"))
arrivals = Stream("arrivals", topic="arrivals", history="arrivals/*.parquet", time="ts", id="flight_id",
    columns=columns | dict(arr_delay="float64"))
model = Model("arrival_delay", on=departures, output="predictions", label=arrivals.arr_delay,
    inputs=[departures[name] for name in ("dep_delay", "distance", "sched_minutes", "sched_hour", "carrier")])
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A version that has learned four months."""
    folder = tmp_path_factory.mktemp("flights") / "project"
    flights_project(folder, DAYS)
    (folder / "definitions.py").write_text(DEFINITIONS)
    project = load_project(folder)
    file = project.config.state / "set.parquet"
    training_set(project, "arrival_delay", DAYS.start, DAYS.end, file)
    spans = Span(DAYS.start, DAYS.evaluated), Span(DAYS.evaluated, DAYS.live)
    plan, told = project.model("arrival_delay").model_plan, {"num_iterations": 30}
    train(file, plan, project.config.models_at, *spans, parameters=told)
    return project


def alarms(project: Project, folder: Path, since: int, factor: float) -> list[tuple[int, str]]:
    """The times of the newest requests when an alarm was told, and the lines."""
    plan = project.model("arrival_delay").model_plan
    table = pq.read_table(project.config.state / "set.parquet", partitioning=None)
    table = table.filter(pc.greater_equal(table["t"], DAYS.live))
    late = pc.greater_equal(table["t"], since)
    delay = pc.if_else(late, pc.multiply(table["dep_delay"], factor), table["dep_delay"])
    table = table.set_column(table.schema.get_field_index("dep_delay"), "dep_delay", delay)
    version = load_current(project.config.models_at, plan).version
    t, vectors = np.asarray(table["t"]).tolist(), table.select([item.name for item in plan.vector]).to_pylist()
    told: list[tuple[int, str]] = []
    now = 0
    with Ledger(folder / "a.db", plan, 10**12, Counting(project.config.models_at, plan)) as ledger:
        watching = Watching(ledger, plan, project.config.models_at, lambda line: told.append((now, line)))
        for first in range(0, len(t), LOOK):
            now = t[min(first + LOOK, len(t)) - 1]
            ledger.add(answers(version, t, vectors, first), [], {})
            watching.look()
    return told


def answers(version: str, t: Sequence[int], vectors: Sequence[dict[str, Any]], first: int) -> list[Answer]:
    places = range(first, min(first + LOOK, len(t)))
    return [Answer(f"r{n}", version, f'"e{n}"', t[n], b"0.0", orjson.dumps(vectors[n])) for n in places]


def test_two_weeks_as_they_were_raise_no_alarm(project: Project, tmp_path: Path) -> None:
    assert alarms(project, tmp_path, DAYS.end, 1.0) == []


def test_delays_in_seconds_raise_one_within_an_hour(project: Project, tmp_path: Path) -> None:
    (at, line), *_ = alarms(project, tmp_path, SHIFTED, 60.0)
    assert line.startswith("DRIFT of dep_delay") and SHIFTED <= at < SHIFTED + 3_600_000
