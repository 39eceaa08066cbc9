"""From request bytes to prediction bytes, without Kafka: microseconds of CPU for each prediction, beside the loop that
people write, and against batch size, views, features, trees and store. CPU time of this process: it says the same on a
machine that others use, and leaves out what a Redis server does. Run: ``python -m tests.benchmarks.bench_hot_path``.
"""

from __future__ import annotations

import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from kafka.consumer.fetcher import ConsumerRecord
from rich.console import Console
from rich.table import Table

from penstock.features.span import Span
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.project.project import Project
from penstock.jobs.serving.answers import Answers
from penstock.jobs.serving.inputs import inputs_of
from penstock.jobs.serving.lineup import lineup_of
from penstock.jobs.serving.lookup import Lookup
from penstock.jobs.serving.parse import Parser
from penstock.jobs.serving.recent import Recent
from penstock.jobs.serving.requests import read_requests
from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.catalogue import apply
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from penstock.jobs.store.schema import schema_of
from penstock.jobs.training import train as training
from tests.benchmarks.own_loop import answering
from tests.jobs.models.examples import write_set
from tests.jobs.shop import make_project
from tests.projects import REDIS, SQLITE
from tests.redis_server import redis_server

KEYS, ROWS, T = 1_000, 8_000, 1_700_000_000_000
#: What is timed lasts at least so many seconds, and counts by its fastest of so many turns.
LEAST_S, TURNS = 0.1, 3


@dataclass(frozen=True)
class Case:
    """So many views, each by a key of its own, of so many features each."""

    batch: int = 500
    views: int = 5
    features: int = 6
    trees: int = 100
    redis: bool = False


USUAL = Case()
CASES = {
    "batch": [replace(USUAL, batch=n) for n in (1, 20, 100, 500)],
    "views": [replace(USUAL, views=n) for n in (1, 5, 10)],
    "features": [replace(USUAL, features=n) for n in (2, 6, 24)],
    "trees": [replace(USUAL, trees=n) for n in (20, 100, 400)],
}


def main() -> None:
    """Prints a table beside the loops, and one for each thing that varies."""
    console = Console()
    # as the inference job does; the loops gain by it, too
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        console.print(_loops(Path(folder)))
        for what, cases in CASES.items():
            console.print(_costs(Path(folder), what, cases))


def _loops(folder: Path) -> Table:
    """``against one``: the loop that goes record by record, beside ours in batches of this size."""
    grid = Table("store", "batch", "own loop, us", "penstock, us", "times", "against one", title="5 views, 30 features")
    with redis_server(folder) as server:
        for name, case in {"SQLite": USUAL, "Redis": replace(USUAL, redis=True)}.items():
            with _prepared(folder / name, case, server.connection_string) as (project, model, store):
                own, alone = answering(project.folder, "guess"), 0.0
                for batch in (1, 20, 500):
                    raw = [_request(number, USUAL) for number in range(batch)]
                    theirs = _seconds(lambda own=own, raw=raw: _encoded(own([json.loads(r) for r in raw])))
                    ours = _seconds(_ours(project, model, store, replace(case, batch=batch)))
                    alone = alone or theirs
                    taken = (f"{seconds / batch * 1e6:.1f}" for seconds in (theirs, ours))
                    grid.add_row(name, str(batch), *taken, f"{theirs / ours:.1f}", f"{alone * batch / ours:.1f}")
    return grid


def _encoded(values: Sequence[float]) -> list[bytes]:
    return [json.dumps({"value": value}).encode() for value in values]


def _costs(folder: Path, what: str, cases: Sequence[Case]) -> Table:
    grid = Table(what, "all, us", "read", "look up", "answer", "of it LightGBM", "or the kernel", title=f"by {what}")
    for number, case in enumerate(cases):
        with _prepared(folder / f"{what}-{number}", case, "") as (project, model, store):
            taken = (f"{seconds / case.batch * 1e6:.1f}" for seconds in _parts(project, model, store, case))
            grid.add_row(str(getattr(case, what)), *taken)
    return grid


def _parts(project: Project, model: LoadedModel, store: BulkStore, case: Case) -> list[float]:
    """Seconds for a batch: all, and its parts."""
    plan = project.model("guess").model_plan
    inputs, records = inputs_of(plan, project.plans), _records(case)
    parser, lookup, answers = (
        Parser(plan.on),
        Lookup(inputs, store),
        Answers(project.config, plan, inputs, lineup_of(model), Recent()),
    )
    requests = read_requests(parser, records, 0.0)
    lookup.read(requests, [], 0.0)
    matrix = np.random.default_rng(1).normal(size=(case.batch, len(plan.vector))) * 50
    parts: list[Callable[[], Any]] = [
        _ours(project, model, store, case),
        lambda: read_requests(parser, records, 0.0),
        lambda: lookup.read(requests, [], 0.0),
        lambda: answers.make(requests),
        lambda: model.trees.by_booster(matrix),
        lambda: model.trees.predict(matrix),
    ]
    return [_seconds(part) for part in parts]


def _ours(project: Project, model: LoadedModel, store: BulkStore, case: Case) -> Callable[[], Sequence[Any]]:
    plan = project.model("guess").model_plan
    inputs, records = inputs_of(plan, project.plans), _records(case)
    parser, lookup, answers = (
        Parser(plan.on),
        Lookup(inputs, store),
        Answers(project.config, plan, inputs, lineup_of(model), Recent()),
    )

    def answer() -> Sequence[Any]:
        requests = read_requests(parser, records, 0.0)
        lookup.read(requests, [], 0.0)
        return answers.make(requests)

    return answer


def _seconds(work: Callable[[], Any]) -> float:
    work()
    times = 1
    fastest: list[float] = []
    while len(fastest) < TURNS:
        began = time.process_time()
        for _ in range(times):
            work()
        taken = time.process_time() - began
        if taken < LEAST_S:
            times *= 2
        else:
            fastest.append(taken / times)
    return min(fastest)


@contextmanager
def _prepared(folder: Path, case: Case, address: str) -> Iterator[tuple[Project, LoadedModel, BulkStore]]:
    """A project with rows of all keys, and a model whose trees the kernel predicts."""
    project = make_project(folder, _definitions(case), online=REDIS.format(address) if case.redis else SQLITE)
    models = _train(project, case)
    plan = project.model("guess").model_plan
    model = load_current(models, plan)
    take_over(model)
    apply(project)
    with open_store(project.folder) as store:
        numbers = np.random.default_rng(2)
        for view in project.plans.values():
            values = numbers.normal(size=(KEYS, case.features)).tolist()
            store.write_rows(schema_of(view), [FeatureRow((k,), T, 1, tuple(row)) for k, row in enumerate(values)])
        yield project, model, store


def _definitions(case: Case) -> str:
    keys = ", ".join(f'k{number}="int64"' for number in range(case.views))
    lines = [
        "from penstock import Model, Stream, View, mean",
        f'requests = Stream("requests", topic="requests", time="ts", id="id", columns=dict(id="string", {keys}, '
        'x="float64", y="float64"))',
        f"over = [f'{{n + 1}}h' for n in range({case.features})]",
        f'views = [View(f"v{{n}}", requests, key=f"k{{n}}", features=dict(x=mean(requests.x).over(*over))) '
        f"for n in range({case.views})]",
        'guess = Model("guess", on=requests, inputs=[requests.x, requests.y, *views], label=requests.y,',
        '              derived=dict(trend=views[0].x_1h - requests.x), output="predictions.guess")',
    ]
    return "\n".join(lines)


def _train(project: Project, case: Case) -> Path:
    plan, models = project.model("guess").model_plan, project.config.state / "models"
    numbers = np.random.default_rng(1)
    columns: dict[str, Any] = {item.name: numbers.normal(size=ROWS) for item in plan.vector}
    label = sum(column * (place % 3) for place, column in enumerate(columns.values())) + numbers.normal(size=ROWS)
    columns |= {"id": [""] * ROWS, "t": range(ROWS), "label": label}
    file = write_set(project.folder / "set.parquet", plan, columns, (0, ROWS))
    trees = {"num_iterations": case.trees}
    training.train(file, plan, models, Span(0, ROWS - 500), Span(ROWS - 500, ROWS), parameters=trees)
    return models


def _request(number: int, case: Case) -> bytes:
    """Each view is asked for another key."""
    keys = {f"k{view}": (number * (2 * view + 1)) % KEYS for view in range(case.views)}
    return orjson.dumps({"ts": T, "id": str(number), **keys, "x": 1.5, "y": float(number)})


def _records(case: Case) -> list[Any]:
    values = [_request(number, case) for number in range(case.batch)]
    return [ConsumerRecord("requests", 0, -1, n, T, 0, None, v, [], None, -1, -1, -1) for n, v in enumerate(values)]


if __name__ == "__main__":
    main()
