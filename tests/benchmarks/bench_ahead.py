"""Answers ahead of time on a skewed load: how many are ready, what that saves, and whether one was given too long.

The most requested keys are answered ahead. Then bodies come, by keys of a Zipf law, while rows change; each turn of the
server answers a batch. The same load is answered with and without answers ahead, on one store, in processor time of
this process, without HTTP. Run: ``python -m tests.benchmarks.bench_ahead``.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from rich.console import Console
from rich.table import Table

from penstock.features.span import Span
from penstock.jobs.ahead.fill import Choice, predict_to_store
from penstock.jobs.ahead.held import Held
from penstock.jobs.http.body import BodyRecord
from penstock.jobs.http.version import Batch, Version
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.project.project import Project
from penstock.jobs.serving.inputs import inputs_of
from penstock.jobs.serving.lookup import Lookup
from penstock.jobs.serving.parse import Parser
from penstock.jobs.serving.requests import read_requests
from penstock.jobs.serving.successor import Recent
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from penstock.jobs.store.schema import schema_of
from penstock.jobs.training import train as training
from tests.jobs.models.examples import write_set
from tests.jobs.shop import make_project, write_history
from tests.projects import REDIS, SQLITE
from tests.redis_server import redis_server

T, ROWS, FEATURES = 1_700_000_000_000, 8_000, 6
#: Pages, of which so many are answered ahead, and the exponent of how they are asked for.
PAGES, AHEAD, ZIPF = 5_000, 1_000, 1.1
#: Requests in a turn, and how many of them there are in all.
SIZES, REQUESTS = (1, 4, 20), 4_000
#: Rows of pages that change in the store for each request, by the same law.
CHANGES = (0.0, 0.01, 0.1)

DEFINITIONS = f"""
from penstock import Model, Stream, View, mean

visits = Stream("visits", topic="visits", history="visits/*.parquet", time="ts", id="id", columns=dict(
    id="string", page="int64", shelf="int64", shop="int64", x="float64"))
over = [f"{{n + 1}}h" for n in range({FEATURES})]
views = [View(key, visits, key=key, features=dict(x=mean(visits.x).over(*over))) for key in ("page", "shelf", "shop")]
guess = Model("guess", on=visits, inputs=views, label=visits.x, output="predictions.guess",
    derived=dict(trend=views[0].x_1h - views[1].x_1h))
"""
VIEWS = ("page", "shelf", "shop")


def main() -> None:
    """Prints a table for each store."""
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as temporary, redis_server(Path(temporary)) as redis:
        for name, lines in {"SQLite": SQLITE, "Redis": REDIS.format(redis.connection_string)}.items():
            project = _prepared(Path(temporary) / name, lines)
            console.print(_measured(name, project))


def _measured(name: str, project: Project) -> Table:
    title = f"{name}: {AHEAD:,} of {PAGES:,} pages are answered ahead, {REQUESTS:,} requests"
    columns = ("in a turn", "changes", "ready", "us each, all computed", "us each, ahead", "saved", "given too long")
    grid = Table(*columns, "load average", title=title)
    for size, changes in product(SIZES, CHANGES):
        predict_to_store(project, "guess", Choice(most=AHEAD))
        with _turns(project) as turns:
            ready, plain_s, ahead_s, wrong = turns.run(size, changes)
        spent = (f"{seconds / REQUESTS * 1e6:.1f}" for seconds in (plain_s, ahead_s))
        saved, share = f"{1 - ahead_s / plain_s:.0%}", f"{ready / REQUESTS:.0%}"
        grid.add_row(str(size), str(changes), share, *spent, saved, str(wrong), f"{os.getloadavg()[0]:.1f}")
    return grid


class _Turns:
    """The same requests, answered both ways."""

    def __init__(self, project: Project, store: BulkStore) -> None:
        plan = project.model("guess").model_plan
        model, inputs = load_current(project.config.models_at, plan), inputs_of(plan, project.plans)
        take_over(model)
        self._project, self._store, self._model = project, store, model
        self._parser, self._lookup = Parser(plan.on), Lookup(inputs, store)
        self._version, self._held = Version(plan, inputs, model, Recent()), Held(plan, inputs, 1, store)
        self._numbers = np.random.default_rng(7)
        self._clock = time.time_ns() // 1_000_000

    def run(self, size: int, changes: float) -> tuple[int, float, float, int]:
        """How many were ready, the processor seconds of both ways, and how many answers had stopped holding."""
        ready, plain_s, ahead_s, wrong = 0, 0.0, 0.0, 0
        for _ in range(REQUESTS // size):
            self._change(int(self._numbers.poisson(changes * size)))
            records = [BodyRecord(_visit(page)) for page in _pages(self._numbers, size)]
            began = time.process_time()
            wanted = self._plain(records)
            between = time.process_time()
            given, held = self._ahead(records)
            ahead_s += time.process_time() - between
            plain_s += between - began
            ready += held
            wrong += sum(one != other for one, other in zip(wanted, given, strict=True))
        return ready, plain_s, ahead_s, wrong

    def _change(self, rows: int) -> None:
        for page in _pages(self._numbers, rows):
            self._clock += 1
            view = VIEWS[0]
            values = tuple(self._numbers.normal(size=FEATURES).tolist())
            row = FeatureRow((_keys(page)[view],), self._clock, 1, values)
            self._store.write_rows(schema_of(self._project.plans[view]), [row])

    def _plain(self, records: Sequence[BodyRecord]) -> list[bytes]:
        requests = read_requests(self._parser, records, 0.0)
        self._lookup.read(requests, [], 1.0)
        return self._version.predict(requests).lines(False)

    def _ahead(self, records: Sequence[BodyRecord]) -> tuple[list[bytes], int]:
        requests = read_requests(self._parser, records, 0.0)
        predicted, rest = self._held.ready(requests, self._model, 1.0)
        lines = [b""] * len(requests)
        left = set(rest)
        if predicted is not None:
            held = [place for place in range(len(requests)) if place not in left]
            for place, line in zip(held, Batch(self._version, predicted).lines(False), strict=True):
                lines[place] = line
        if rest:
            computed = [requests[place] for place in rest]
            self._lookup.read(computed, [], 1.0)
            for place, line in zip(rest, self._version.predict(computed).lines(False), strict=True):
                lines[place] = line
        return lines, len(requests) - len(rest)


@contextmanager
def _turns(project: Project) -> Iterator[_Turns]:
    with open_store(project.folder) as store:
        turns = _Turns(project, store)
        # what is made once is not counted
        turns.run(20, 0.0)
        yield turns


#: How often each page is asked for.
SHARES = 1 / np.arange(1, PAGES + 1) ** ZIPF
SHARES /= SHARES.sum()


def _pages(numbers: np.random.Generator, n: int) -> list[int]:
    pages: list[int] = numbers.choice(PAGES, n, p=SHARES).tolist()
    return pages


def _keys(page: int) -> dict[str, int]:
    return {"page": page, "shelf": page % 500, "shop": page % 50}


def _visit(page: int) -> bytes:
    return orjson.dumps({"ts": T, "id": str(page), **_keys(page), "x": None})


def _prepared(folder: Path, online: str) -> Project:
    project = make_project(folder, DEFINITIONS, online=online)
    _train(project)
    numbers = np.random.default_rng(2)
    with open_store(project.folder) as store:
        for view, count in zip(VIEWS, (PAGES, 500, 50), strict=True):
            values = numbers.normal(size=(count, FEATURES)).tolist()
            rows = [FeatureRow((key,), T, 1, tuple(row)) for key, row in enumerate(values)]
            store.write_rows(schema_of(project.plans[view]), rows)
    visits = [{"ts": T, "id": str(n), **_keys(page)} for n, page in enumerate(_pages(numbers, 50_000))]
    write_history(project, "visits", visits)
    return project


def _train(project: Project) -> LoadedModel:
    plan, numbers = project.model("guess").model_plan, np.random.default_rng(1)
    columns: dict[str, Any] = {item.name: numbers.normal(size=ROWS) for item in plan.vector}
    label = sum(column * (place % 3) for place, column in enumerate(columns.values())) + numbers.normal(size=ROWS)
    columns |= {"id": [""] * ROWS, "t": range(ROWS), "label": label}
    file = write_set(project.folder / "set.parquet", plan, columns, (0, ROWS))
    training.train(file, plan, project.config.models_at, Span(0, ROWS - 500), Span(ROWS - 500, ROWS))
    return load_current(project.config.models_at, plan)


if __name__ == "__main__":
    main()
