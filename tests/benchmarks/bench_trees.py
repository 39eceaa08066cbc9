"""Trees: our kernel beside LightGBM's Booster and lleaves, in one run, by rows of a call; and many models loaded.

Every answer is compared with the Booster's to the bit. lleaves compiles first, for 8 to 70 seconds, with the options
that give these bits. Run: ``python -m tests.benchmarks.bench_trees``.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lightgbm as lgb
import lleaves
import numpy as np
from rich.console import Console
from rich.table import Table

from penstock.jobs.models.arrays import Matrix
from penstock.jobs.models.kernel.check_rows import check_rows
from penstock.jobs.models.kernel.columns import NEXT_TO_ZERO
from penstock.jobs.models.kernel.forest import read_forest
from penstock.jobs.models.kernel.native import Native, levels
from penstock.jobs.models.kernel.predictor import TreeKernel
from penstock.jobs.models.kernel.takeover import ALONE

INPUTS, TREES, LEAVES, MODELS = 30, 200, 31, 200
ROWS = (1, 2, 3, 8, 32, 100, 1_000, 10_000)
#: Each counts by its fastest call; all take turns for so many seconds, so that a busy moment meets all of them.
SECONDS = 1.5

Predict = Callable[[Matrix], Any]


def main() -> None:
    """Prints a table by rows, and how long models take to load."""
    console = Console()
    began = time.perf_counter()
    for level in levels():
        Native(level, 1)
    compiled = (time.perf_counter() - began) / len(levels())
    matrix, text = _rows(20_000, 1), _model()
    booster = lgb.Booster(model_str=text)
    with tempfile.TemporaryDirectory() as folder:
        theirs, seconds = _lleaves(Path(folder), text)
    forest = read_forest(text)
    predict: dict[str, Predict] = {f"kernel, {level.name}": TreeKernel(forest, level).predict for level in levels()}
    predict |= {"lleaves": theirs, "Booster": lambda rows: booster.predict(rows, num_threads=1)}
    console.print(_by_rows(predict, matrix))
    console.print(f"compiling: the kernel {compiled:.2f} s for all models, lleaves {seconds:.1f} s for this one")
    console.print(_loaded(text))
    console.print(f"load: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


def _rows(n: int, seed: int) -> Matrix:
    numbers = np.random.default_rng(seed)
    rows = numbers.normal(size=(n, INPUTS))
    rows[numbers.random(rows.shape) < 0.05] = np.nan
    return rows


def _model() -> str:
    rows = _rows(20_000, 2)
    label = np.nansum(rows[:, :10], axis=1) + np.nan_to_num(rows[:, 1] * rows[:, 2])
    options = {"objective": "regression", "num_leaves": LEAVES, "verbosity": -1, "num_threads": 1}
    return str(lgb.train(options, lgb.Dataset(rows, label), TREES).model_to_string())


def _lleaves(folder: Path, text: str) -> tuple[Predict, float]:
    (folder / "model.txt").write_text(text)
    model, began = lleaves.Model(str(folder / "model.txt")), time.perf_counter()
    model.compile(fblocksize=1, finline=False)
    seconds = time.perf_counter() - began

    def predict(rows: Matrix) -> Any:
        return model.predict(np.where(np.abs(rows) <= NEXT_TO_ZERO, 0.0, rows), n_jobs=1)

    return predict, seconds


def _by_rows(predict: dict[str, Predict], matrix: Matrix) -> Table:
    grid = Table("rows", *predict, "kernel/lleaves", title=f"us/row: {TREES} trees, {LEAVES} leaves, {INPUTS} inputs")
    for n in ROWS:
        rows = np.ascontiguousarray(matrix[:n])
        answers = {name: np.asarray(call(rows)).tobytes() for name, call in predict.items()}
        assert len(set(answers.values())) == 1, "not the same bits"
        fastest = dict.fromkeys(predict, float("inf"))
        until = time.perf_counter() + SECONDS
        while time.perf_counter() < until:
            for name, call in predict.items():
                began = time.perf_counter()
                call(rows)
                fastest[name] = min(fastest[name], time.perf_counter() - began)
        ours, *_ = fastest.values()
        ratio = f"{ours / fastest['lleaves']:.2f}"
        grid.add_row(f"{n:,}", *(f"{seconds / n * 1e6:.2f}" for seconds in fastest.values()), ratio)
    return grid


def _loaded(text: str) -> str:
    """As ``infer`` does for each version: the Booster, the kernel, and both compared; a thread for each processor."""
    features = [(f"f{number}", "float64") for number in range(INPUTS)]

    def load(_: int) -> tuple[TreeKernel, int]:
        booster, forest = lgb.Booster(model_str=text), read_forest(text)
        kernel, rows = TreeKernel(forest), check_rows(forest, features, {})
        alone = np.concatenate([kernel.predict(rows[at : at + 1]) for at in range(0, len(rows), ALONE)])
        expected = np.asarray(booster.predict(rows, num_threads=1))
        assert kernel.predict(rows).tobytes() == expected.tobytes()
        assert alone.tobytes() == expected[::ALONE].tobytes()
        return kernel, len(rows)

    began, used = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        loaded = list(pool.map(load, range(MODELS)))
    seconds, used = time.perf_counter() - began, time.process_time() - used
    rows = loaded[0][1]
    return f"{MODELS} models loaded, each checked on {rows:,} rows: {seconds:.1f} s, {used:.1f} s of processor time"


if __name__ == "__main__":
    main()
