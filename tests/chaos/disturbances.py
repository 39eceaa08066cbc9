"""What is no death: a slow, absent or frozen store, a frozen broker, a full disk, a jumping clock, an orderly end.

``python -m tests.chaos.disturbances`` runs all of it and prints a table. In the end must hold what must after kills.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from penstock.jobs.process.children import GRACE_S, Child
from penstock.jobs.process.ports import port_problem
from tests.chaos.clock import set_clock
from tests.chaos.disk import can_mount, fill, full
from tests.chaos.matrix import Cell, Fate, run
from tests.chaos.world import World, world
from tests.flights import Days, ms

SLOW = Cell("store", "slow")
DOWN = Cell("store", "down")
STORE_FROZEN = Cell("store", "frozen")
BROKER_FROZEN = Cell("broker", "frozen")
FULL = Cell("disk", "full")
CLOCK = Cell("clock", "jumps")
ENDED = Cell("jobs", "ended")

#: A day, in seconds.
DAY_S = 86_400
#: Seconds until something that must come has come.
PATIENCE_S = 90.0
LOOK_S = 0.1


@dataclass(frozen=True)
class Lengths:
    """How long each lasts, in seconds; ``delay_s``: what a slow store takes for a reply.

    ``store_frozen_s`` is longer than a reply may take, ``broker_frozen_s`` than a member's session and a transaction,
    ``full_s`` than some checkpoints take.
    """

    slow_s: float = 30.0
    delay_s: float = 0.3
    down_s: float = 60.0
    store_frozen_s: float = 20.0
    broker_frozen_s: float = 20.0
    full_s: float = 40.0
    clock_s: float = 12.0


def possible() -> tuple[list[Cell], list[str]]:
    """The disturbances that this machine can have, and a sentence for each that it cannot."""
    cells = [SLOW, DOWN, STORE_FROZEN, BROKER_FROZEN, ENDED, CLOCK]
    return ([*cells, FULL], []) if can_mount() else (cells, ["no full disk: only root may mount one"])


class Disturber:
    """Disturbs while events are sent on; the next disturbance waits for the end of the last one.

    As a context manager it waits for the last one of all. What a disturbance finds wrong is raised there.
    """

    def __init__(self, world: World, lengths: Lengths) -> None:
        self._world, self._lengths = world, lengths
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="disturbance")
        self._last: Future[None] | None = None

    def __enter__(self) -> Callable[[Cell], None]:
        return self._begin

    def __exit__(self, *exception: object) -> None:
        with self._pool:
            self._settle()

    def _begin(self, cell: Cell) -> None:
        self._settle()
        self._world.ready()
        disturbances: dict[Cell, Callable[[], None]] = {
            SLOW: self._slow_store,
            DOWN: self._store_down,
            STORE_FROZEN: lambda: self._freeze(self._world.redis.process.pid, self._lengths.store_frozen_s),
            BROKER_FROZEN: lambda: self._freeze(self._world.broker_pid, self._lengths.broker_frozen_s),
            FULL: self._full_disk,
            CLOCK: self._clock_jumps,
            ENDED: lambda: end_both(self._world),
        }
        self._last = self._pool.submit(disturbances[cell])

    def _settle(self) -> None:
        if self._last is not None:
            self._last.result()

    def _slow_store(self) -> None:
        door = self._world.door
        assert door is not None
        door.delay_s = self._lengths.delay_s
        time.sleep(self._lengths.slow_s)
        door.delay_s = 0.0

    def _store_down(self) -> None:
        with self._world.unkept():
            self._world.redis.stop()
            time.sleep(self._lengths.down_s)
            assert self._world.stream.running, self._world.stream.said()
            assert self._world.inference.running, self._world.inference.said()

    def _freeze(self, pid: int, seconds: float) -> None:
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    def _full_disk(self) -> None:
        """The job goes on, says of which folder it has no room, and when that is over; then it is ended so, too."""
        stream, folder = self._world.stream, self._world.project.config.state / "stream"
        with self._world.unkept():
            with full(folder):
                time.sleep(self._lengths.full_s)
                _await(lambda: "checkpoints fail" in stream.said(), stream)
                assert f"free in {folder}" in stream.said(), stream.said()
            _await(lambda: "checkpoints are taken again" in stream.said(), stream)
            with full(folder):
                _end(stream)
                _refused_start(stream, folder)
            stream.start()
        self._world.ready()

    def _clock_jumps(self) -> None:
        """Both jobs begin anew with a clock that is a day ahead, and then with one that has gone back."""
        for ahead in (DAY_S, 0):
            set_clock(self._world.pauses, ahead)
            end_both(self._world)
            self._world.ready()
            before = self._world.starts.copy()
            time.sleep(self._lengths.clock_s)
            # one that is started again and again runs, too
            assert self._world.starts == before, self._world.inference.said()


def end_both(world: World) -> None:
    """SIGTERM to both jobs amid requests: each ends in time, with 0, and leaves no process and no port."""
    with world.unkept():
        jvm, rest = world.reached()
        for child in (world.inference, world.stream):
            os.kill(child.pid, signal.SIGTERM)
        for child in (world.inference, world.stream):
            _await(lambda child=child: not child.running, child, GRACE_S)  # type: ignore[misc]
            assert child.code == 0, child.said()
            assert not _group_left(child.pid), child.name
        assert not Path(f"/proc/{jvm}").exists()
        assert port_problem(rest) is None


def _end(child: Child) -> None:
    os.kill(child.pid, signal.SIGTERM)
    _await(lambda: not child.running, child, GRACE_S)
    assert child.code == 0, child.said()


def _refused_start(stream: Child, folder: Path) -> None:
    """Without room there is no start, and one clear message says so. The stream's end had made some."""
    fill(folder)
    stream.start()
    _await(lambda: not stream.running, stream)
    said = stream.said()
    assert stream.code == 1 and "no room" in said and str(folder) in said, said


def _group_left(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _await(condition: Callable[[], bool], child: Child, seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, child.said()
        time.sleep(LOOK_S)


def disturb_all(folder: Path, days: Days, cells: Sequence[Cell], lengths: Lengths) -> tuple[list[Fate], Counter[str]]:
    """One disturbance after the other, as the kill matrix's ``run``."""
    with world(folder, days, confined=True) as all:
        return run(all, days, cells, Disturber(all, lengths))


def main() -> None:
    """All that are possible, and a table."""
    cells, missing = possible()
    days = Days(ms("2013-10-01"), ms("2013-10-06"), ms("2013-10-08"), ms("2013-10-09"))
    with tempfile.TemporaryDirectory(prefix="penstock-chaos-") as folder:
        fates, starts = disturb_all(Path(folder), days, cells, Lengths())
    table = Table("part", "is", "seconds", title="the longest time without a prediction")
    for fate in fates:
        table.add_row(fate.cell.part, fate.cell.moment, f"{fate.silence_s:.1f}")
    for sentence in missing:
        Console().print(sentence)
    Console().print(table)
    Console().print(f"started again: {dict(starts)}; every request answered once; store = batch")


if __name__ == "__main__":
    main()
