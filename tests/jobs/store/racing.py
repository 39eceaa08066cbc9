"""Processes that write and read the same rows at the same time."""

from __future__ import annotations

import multiprocessing
import random
import sys
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

from penstock.jobs.store.columns import Columns
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow, ViewSchema

KEYS = [(key,) for key in range(40)]
FEATURES = 12
SEEDS = (1, 2)
BATCHES = 80
ROWS = 60

SCHEMA = ViewSchema(
    "raced", (("k", "int64"),), tuple((f"f{i}", "int64") for i in range(FEATURES)), (0,) * FEATURES, "raced"
)

# spawn: the clients of earlier tests have threads, and a fork would leave their locks as they are
_PROCESSES = multiprocessing.get_context("spawn")


def batches(seed: int) -> list[list[FeatureRow]]:
    """What a writer writes: older and newer rows of all keys in disorder. Every feature of a row tells its clock."""
    numbers = random.Random(seed)

    def row() -> FeatureRow:
        t, seq = numbers.randrange(-500, 500), numbers.randrange(1000)
        return FeatureRow(numbers.choice(KEYS), t, seq, (_mark(t, seq),) * FEATURES)

    return [[row() for _ in range(ROWS)] for _ in range(BATCHES)]


def newest() -> dict[tuple[int], FeatureRow]:
    """What the store must hold at the end: of every key the row with the greatest clock of all writers."""
    rows = [row for seed in SEEDS for batch in batches(seed) for row in batch]
    return {row.key: row for row in sorted(rows, key=lambda row: (row.t, row.seq))}


def race(folder: Path) -> list[int | None]:
    """Two writers and a reader on the project in ``folder``, each a process; their exit codes."""
    begin, done = _PROCESSES.Barrier(len(SEEDS) + 1), _PROCESSES.Event()
    writers = [_PROCESSES.Process(target=_write, args=(folder, seed, begin)) for seed in SEEDS]
    reader = _PROCESSES.Process(target=_read, args=(folder, begin, done))
    for process in (*writers, reader):
        process.start()
    for writer in writers:
        writer.join()
    done.set()
    reader.join()
    return [process.exitcode for process in (*writers, reader)]


def _mark(t: int, seq: int) -> int:
    return (t + 500) * 1000 + seq


def _write(folder: Path, seed: int, begin: Barrier) -> None:
    with open_store(folder) as store:
        begin.wait(60)
        for batch in batches(seed):
            store.write_rows(SCHEMA, batch)


def _read(folder: Path, begin: Barrier, done: Event) -> None:
    """Reads until the writers are done; exits with a message at a row that cannot be."""
    last = [(-(2**63), -(2**63))] * len(KEYS)
    reads = 0
    with open_store(folder) as store:
        begin.wait(60)
        while not done.is_set() or not reads:
            (columns,) = store.read_rows([(SCHEMA, KEYS)])
            clocks = list(zip(columns.t.tolist(), columns.seq.tolist(), strict=True))
            _check(columns, clocks, last)
            last = clocks
            reads += 1
    if reads < 5:
        sys.exit(f"only {reads} reads between the writes")


def _check(columns: Columns, clocks: list[tuple[int, int]], last: list[tuple[int, int]]) -> None:
    expected = [_mark(*clock) if there else 0 for clock, there in zip(clocks, columns.present, strict=True)]
    if any(column.values.tolist() != expected for column in columns.features):
        sys.exit("a row has features of another one")
    if any(now < before for now, before in zip(clocks, last, strict=True)):
        sys.exit("a clock went back")
