"""Batch predictions beside the same by hand. Run: ``python -m tests.benchmarks.bench_predict``.

By hand: ``training-set`` to Parquet, read it into pandas, ``Booster.predict`` on one thread, write Parquet.
``predict``: the same requests out of history, and out of a file of them. The answers' bits are compared.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from penstock.features.span import Span
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.models.folder import load_current
from penstock.jobs.prediction.asked import Asked, InFile, InHistory
from penstock.jobs.prediction.batch import predict
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.training.train import train
from penstock.jobs.training.training_set import training_set

START, DAY = 1_700_006_400_000, 86_400_000
REQUESTS = (50_000, 200_000)
KEYS, TREES = 2_000, 200

DEFINITIONS = f"""
from penstock import Model, Stream, View, count, max, mean, min, sum

orders = Stream("orders", history="orders.parquet", time="ts", id="order",
    columns=dict(order="string", customer="int64", shop="int64", amount="float64", items="int64"))
of = dict(n=count(), total=sum(orders.amount), mean=mean(orders.amount), least=min(orders.amount),
    most=max(orders.amount))
windows = ("1h", "6h", "1d")
customer = View("customer", orders, key="customer", features={{name: each.over(*windows) for name, each in of.items()}})
shop = View("shop", orders, key="shop", features={{name: each.over(*windows) for name, each in of.items()}})
cost = Model("cost", on=orders, inputs=[orders.amount, orders.items, customer, shop],
    label=orders.amount * orders.items, output="predictions.cost",
    parameters=dict(num_iterations={TREES}, num_leaves=31))
"""


def main() -> None:
    """Prints requests per second of the three, and how the cost grows."""
    grid = Table(
        "requests", "by hand /s", "predict --from /s", "predict --requests /s", "ratios", title="batch answers"
    )
    for requests in REQUESTS:
        with tempfile.TemporaryDirectory(prefix="penstock-bench-") as name:
            project, span = _project(Path(name), requests)
            hand, expected = _timed(lambda: _by_hand(project, span))  # noqa: B023
            own, answers = _timed(lambda: _predicted(project, InHistory(span), "history"))  # noqa: B023
            file, again = _timed(
                lambda: _predicted(project, InFile(project.config.data / "orders.parquet"), "file")  # noqa: B023
            )
            assert answers.tobytes() == expected.tobytes() and again.tobytes() == expected.tobytes()
            rates = [f"{requests / seconds:,.0f}" for seconds in (hand, own, file)]
            grid.add_row(f"{requests:,}", *rates, f"{hand / own:.1f} {hand / file:.1f}")
    Console().print(grid)


def _project(folder: Path, requests: int) -> tuple[Project, Span]:
    (folder / "penstock.toml").write_text('project = "bench"\ndata = "."\n\n[batch]\nmemory = "2GB"\n')
    (folder / "definitions.py").write_text(DEFINITIONS)
    with duckdb.connect() as db:
        db.execute("SELECT setseed(0.5)")
        db.execute(
            f"""COPY (SELECT CAST(i AS VARCHAR) AS "order", CAST(random() * {KEYS} AS BIGINT) AS customer,
            CAST(random() * 50 AS BIGINT) AS shop, round(random() * 100, 2) AS amount,
            CAST(random() * 9 AS BIGINT) AS items,
            make_timestamp(({START} + i * {7 * DAY // requests}) * 1000) AS ts FROM range({requests}) AS r(i))
            TO '{folder}/orders.parquet' (FORMAT parquet)"""
        )
    project, span = load_project(folder), Span(START, START + 7 * DAY)
    for name in ("customer", "shop"):
        plan = project.plans[name]
        backfill(plan, project.history("orders"), START, span.to_ms + DAY, project.backfills, memory="2GB")
    file, cut = folder / "taught.parquet", START + DAY
    training_set(project, "cost", START, cut, file)
    plan = project.model("cost").model_plan
    train(file, plan, project.config.models_at, Span(START, cut - DAY // 8), Span(cut - DAY // 8, cut))
    return project, span


def _by_hand(project: Project, span: Span) -> np.ndarray:
    file = project.folder / "set.parquet"
    training_set(project, "cost", span.from_ms, span.to_ms, file)
    model = load_current(project.config.models_at, project.model("cost").model_plan)
    booster = lgb.Booster(model_str=(model.file.parent / "model.txt").read_text())
    table = pq.read_table(file)
    rows = table.select(booster.feature_name()).to_pandas().astype(float)
    answers: np.ndarray = booster.predict(rows, num_threads=1)
    pq.write_table(pa.table({"id": table["id"], "t": table["t"], "value": answers}), project.folder / "hand.parquet")
    return answers


def _predicted(project: Project, asked: Asked, name: str) -> np.ndarray:
    report = predict(project, "cost", asked, project.folder / name)
    files = sorted(Path(report.folder).glob("part-*.parquet"))
    return np.concatenate([pq.read_table(file)["value"].to_numpy() for file in files])


def _timed(run: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    started = time.perf_counter()
    found = run()
    return time.perf_counter() - started, found


if __name__ == "__main__":
    main()
