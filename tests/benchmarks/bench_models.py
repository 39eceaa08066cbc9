"""Many models in one process, without Kafka: memory, and microseconds of CPU for each request, from 1 version to 200.

``by=``: one model whose column has so many values, each with a version of its own; each request is answered by one.
``several``: so many models on one stream, each of which answers each request. Trees: 100 of 31 leaves, 32 features.
Run: ``python -m tests.benchmarks.bench_models``.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psutil
from kafka.consumer.fetcher import ConsumerRecord
from rich.console import Console
from rich.table import Table

from penstock.features.span import Span
from penstock.jobs.models.folder import load_current, save
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.serving.inputs import merged
from penstock.jobs.serving.lookup import Lookup
from penstock.jobs.serving.parse import Parser
from penstock.jobs.serving.requests import read_requests
from penstock.jobs.serving.served import served_model
from penstock.jobs.store.catalogue import apply
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from penstock.jobs.store.schema import schema_of
from penstock.jobs.training.train import train
from tests.jobs.models.examples import write_set
from tests.jobs.shop import make_project

COUNTS = (1, 2, 5, 20, 50, 100, 200)
BATCH, KEYS, ROWS, VIEWS, T = 500, 1_000, 8_000, 5, 1_700_000_000_000
#: What is timed lasts at least so many seconds, and counts by its fastest of so many turns.
LEAST_S, TURNS = 0.3, 5
MB = 1 << 20


def main() -> None:
    """Prints a table for each kind; each row is a process of its own."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("by", "several"):
            first = None
            grid = Table(kind, "start, s", "memory, MB", "more", "us a request", "us an answer", "of one", title=kind)
            for count in COUNTS:
                command = [sys.executable, "-m", "tests.benchmarks.bench_models", kind, str(count), folder]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                first = first or found
                answers = 1 if kind == "by" else count
                each = found["us"] / answers
                cells = (found["start"], found["mb"], found["mb"] - first["mb"], found["us"], each, each / first["us"])
                grid.add_row(str(count), *(f"{cell:.2f}" for cell in cells))
            console.print(grid)


def measure(kind: str, count: int, folder: Path) -> dict[str, float]:
    """One process's figures."""
    project = _project(folder / f"{kind}-{count}", kind, count)
    process = psutil.Process()
    names = [str(name) for name in project.models]
    with open_store(project.folder) as store:
        began = time.monotonic()
        models = [served_model(project, project.model(name).model_plan, lambda line: None) for name in names]
        for model in models:
            model.begin()
        start = time.monotonic() - began
        inputs, numbers = merged([model.inputs for model in models])
        for model, own in zip(models, numbers, strict=True):
            model.numbers = None if len(models) == 1 else own
        parser, lookup = Parser(models[0].plan.on), Lookup(inputs, store)
        records = _records(count)

        def turn() -> None:
            requests = read_requests(parser, records, 0.0)
            lookup.read(requests, [], 0.0)
            for model in models:
                assert len(model.make(model.own(requests))) == BATCH

        turn()
        gc.freeze()
        us = _seconds(turn) / BATCH * 1e6
        return {"start": start, "mb": process.memory_info().rss / MB, "us": us}


def _seconds(work: Any) -> float:
    """CPU time of the fastest turn."""
    fastest, times = [], 1
    while len(fastest) < TURNS:
        began = time.process_time()
        for _ in range(times):
            work()
        taken = time.process_time() - began
        if taken < LEAST_S / TURNS:
            times *= 2
        else:
            fastest.append(taken / times)
    return min(fastest)


def _project(folder: Path, kind: str, count: int) -> Project:
    """With rows of all keys, and so many versions: copies of one, which was trained here."""
    project = make_project(folder, _definitions(1 if kind == "by" else count, kind == "by"))
    plans = [model.model_plan for model in project.models.values()]
    models, plan = project.config.models_at, plans[0]
    numbers = np.random.default_rng(1)
    columns: dict[str, Any] = {item.name: numbers.normal(size=ROWS) for item in plan.vector}
    label = sum(column * (place % 3) for place, column in enumerate(columns.values())) + numbers.normal(size=ROWS)
    columns |= {"id": [""] * ROWS, "t": range(ROWS), "label": label, "part": ["0"] * ROWS}
    file = write_set(folder / "set.parquet", plan, columns, (0, ROWS))
    train(file, plan, models, Span(0, ROWS - 500), Span(ROWS - 500, ROWS), parameters={"num_iterations": 100})
    one = load_current(models, plan)
    text = one.read()
    for number in range(1, count):
        other: dict[str, Any] = {"created": one.metadata.created + timedelta(seconds=number)}
        if kind == "by":
            other |= {"part": str(number)}
        else:
            other |= {"model": plans[number].name, "fingerprint": plans[number].fingerprint}
        save(models, one.metadata.model_copy(update=other), text)
    apply(project)
    with open_store(project.folder) as store:
        for view in project.plans.values():
            values = numbers.normal(size=(KEYS, len(view.features))).tolist()
            store.write_rows(schema_of(view), [FeatureRow((k,), T, 1, tuple(row)) for k, row in enumerate(values)])
    return load_project(project.folder)


def _definitions(models: int, by: bool) -> str:
    keys, part = ", ".join(f'k{number}="int64"' for number in range(VIEWS)), ', by="country"' if by else ""
    lines = [
        "from penstock import Model, Stream, View, mean",
        f'requests = Stream("requests", topic="requests", time="ts", id="id", columns=dict(id="string", {keys}, '
        'x="float64", y="float64", country="string"))',
        "over = [f'{n + 1}h' for n in range(6)]",
        f'views = [View(f"v{{n}}", requests, key=f"k{{n}}", features=dict(x=mean(requests.x).over(*over))) '
        f"for n in range({VIEWS})]",
        *(
            f'm{number} = Model("m{number}", on=requests, inputs=[requests.x, requests.y, *views], label=requests.y, '
            f'output="predictions.m{number}"{part})'
            for number in range(models)
        ),
    ]
    return "\n".join(lines)


def _records(count: int) -> list[Any]:
    values = []
    for number in range(BATCH):
        keys = {f"k{view}": (number * (2 * view + 1)) % KEYS for view in range(VIEWS)}
        row = {"ts": T, "id": str(number), **keys, "x": 1.5, "y": float(number), "country": str(number % count)}
        values.append(orjson.dumps(row))
    return [ConsumerRecord("requests", 0, -1, n, T, 0, None, v, [], None, -1, -1, -1) for n, v in enumerate(values)]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))
    else:
        main()
