"""Writers and a reader of a Redis Cluster in which slots move and masters die, and what must hold all the while."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.open import open_store
from penstock.jobs.store.patience import Patience
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from tests.jobs.store.projects import REDIS, make_project
from tests.redis_cluster import RedisCluster

KEYS = [(key,) for key in range(60)]
FEATURES = 6
SCHEMA = ViewSchema(
    "raced", (("k", "int64"),), tuple((f"f{i}", "int64") for i in range(FEATURES)), (0,) * FEATURES, "raced"
)
ROWS = 20

Clock = tuple[int, int]
NOTHING: Clock = (-(2**63), -(2**63))


def project(folder: Path, cluster: RedisCluster) -> Path:
    """A project on the cluster."""
    place = f'connection_string: "{cluster.connection_string}"\n  redis_type: redis_cluster'
    return make_project(folder, REDIS, place)


def row(key: tuple[int], t: int, seq: int) -> FeatureRow:
    """A row of which every feature tells its clock."""
    return FeatureRow(key, t, seq, (t * 1_000 + seq,) * FEATURES)


class Traffic:
    """Two writers of rows in disorder, and a reader, each with a store of its own, until the block ends.

    A row that a store has taken must be there for every later read, or a newer one; what else is found is in ``wrong``.
    """

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self._folder, self._stop, self._lock = folder, threading.Event(), threading.Lock()
        self._taken: dict[tuple[int], Clock] = {}
        self.wrong: list[str] = []
        self.batches = self.reads = 0
        self.told: list[str] = []
        self._threads = [threading.Thread(target=self._guarded, args=(self._write, seed + n)) for n in (0, 1)]
        self._threads.append(threading.Thread(target=self._guarded, args=(self._read, 0)))

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def newest(self) -> dict[tuple[int], Clock]:
        """Of each key the greatest clock that a store has taken."""
        with self._lock:
            return dict(self._taken)

    def lost(self, store: BulkStore) -> list[str]:
        """Rows that were taken and are not there; call it when all writers have ended."""
        (columns,) = store.read_rows([(SCHEMA, KEYS)])
        found = zip(KEYS, columns.t.tolist(), columns.seq.tolist(), strict=True)
        newest = self.newest()
        return [
            f"{key}: {(t, seq)}, not {newest[key]}" for key, t, seq in found if (t, seq) != newest.get(key, NOTHING)
        ]

    def _guarded(self, work: Callable[[BulkStore, int], None], seed: int) -> None:
        try:
            with open_store(self._folder) as store:
                store.wait_while_away(Patience(threading.Event(), self.told.append))
                work(store, seed)
        except Exception as error:
            self.wrong.append(f"{type(error).__name__}: {error}")

    def _write(self, store: BulkStore, seed: int) -> None:
        numbers = random.Random(seed)
        while not self._stop.wait(0.005):
            # newer ones as time goes on, and some that are long overtaken
            now = self.batches
            rows = [
                row(numbers.choice(KEYS), max(0, now - numbers.choice([0, 1, 5, 50])), numbers.randrange(1_000))
                for _ in range(ROWS)
            ]
            store.write_rows(SCHEMA, rows)
            with self._lock:
                self.batches += 1
                for key, t, seq, _ in rows:
                    self._taken[key] = max(self._taken.get(key, NOTHING), (t, seq))

    def _read(self, store: BulkStore, seed: int) -> None:
        while not self._stop.is_set():
            before = self.newest()
            (columns,) = store.read_rows([(SCHEMA, KEYS)])
            self.reads += 1
            clocks = list(zip(columns.t.tolist(), columns.seq.tolist(), strict=True))
            for key, clock, there in zip(KEYS, clocks, columns.present.tolist(), strict=True):
                if clock < before.get(key, NOTHING):
                    self.wrong.append(f"stale: {key} is {clock}, and {before[key]} was taken")
                expected = clock[0] * 1_000 + clock[1] if there else 0
                if any(int(feature.values[key[0]]) != expected for feature in columns.features):
                    self.wrong.append(f"torn: {key} at {clock}")
