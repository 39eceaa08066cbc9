"""The kill matrix: every part, at every moment, while requests are answered; and what must hold in the end.

``python -m tests.chaos.matrix [SEED]`` runs all of it and prints a table.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from penstock.jobs.demo.outcome import MODEL, backfill_all, feature_topics
from penstock.jobs.demo.proofs import parity_of
from penstock.jobs.kafka.clients import consumer, producer
from penstock.jobs.kafka.readback import read_values
from penstock.jobs.kafka.replay import Lead, identity, replay
from penstock.jobs.process.children import Child
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.status import wait_caught_up
from tests.chaos.world import LARGEST, PARTS, Verifier, World, world
from tests.flights import Days, ms

MOMENTS = ("idle", "mid-batch", "checkpoint", "uncommitted", "rebalance")

#: Events of all sources between two kills: while a part is away so many more arrive.
BETWEEN = 120
LEAD_MS = 30 * 60_000
#: Seconds for a group to begin a rebalance after a member has come; for anything to stand still where it should.
JOIN_S, HELD_S = 1.5, 10.0

#: Requests that cannot be answered; ten megabytes that are no JSON among them.
POISON: tuple[bytes | None, ...] = (
    b'{"flight_id": "cut',
    b'{"flight_id": 7, "ts": "soon"}',
    b'{"flight_id": "n", "ts": 1380585600000, "dep_delay": NaN}',
    b'{"flight_id": "far", "ts": 253370764800000}',
    b'{"ts": null}',
    b"",
    None,
    b"\xff\xfe\x00",
    b"x" * (10 << 20),
)


@dataclass(frozen=True)
class Cell:
    """A part and the moment at which it dies, or what else becomes of it."""

    part: str
    moment: str


@dataclass
class Fate:
    """What became of a cell: ``silence_s`` without any prediction after the kill."""

    cell: Cell
    killed_at: float
    silence_s: float = 0.0


@dataclass
class Pace:
    """Sends under the lead, and kills between two events; ``requests``: the receipts of all that must be answered."""

    lead: Lead
    cells: list[Cell]
    strike: Callable[[Cell], None]
    sent_so_far: int = 0
    fates: list[Fate] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)

    def wait(self, t: int) -> None:
        """Every ``BETWEEN`` events the next cell is struck."""
        if len(self.fates) < len(self.cells) and self.sent_so_far >= BETWEEN * (len(self.fates) + 1):
            self._next()
        self.lead.wait(t)

    def _next(self) -> None:
        cell = self.cells[len(self.fates)]
        if cell.moment == "idle":
            self.lead.drain()
        self.strike(cell)
        self.fates.append(Fate(cell, time.time()))

    def sent(self, source: str, t: int, receipt: Any) -> None:
        """Counts, and remembers requests."""
        self.sent_so_far += 1
        if source == "departures":
            self.requests.append(receipt)
        self.lead.sent(source, t, receipt)

    def measure(self) -> None:
        """The longest time without a prediction after each kill."""
        arrived = sorted(self.lead.received.values())
        ends = [fate.killed_at for fate in self.fates[1:]] + [arrived[-1]]
        for fate, end in zip(self.fates, ends, strict=True):
            times = [fate.killed_at, *(t for t in arrived if fate.killed_at < t <= end)]
            fate.silence_s = max((b - a for a, b in itertools.pairwise(times)), default=0.0)


class Striker:
    """Kills a part at a moment."""

    def __init__(self, world: World, rand: random.Random) -> None:
        self._world, self._rand = world, rand

    def __call__(self, cell: Cell) -> None:
        """Brings the moment about, and kills."""
        self._world.ready()
        moments: dict[str, Callable[[str], None]] = {
            "idle": self._idle,
            "mid-batch": self._kill_soon,
            "checkpoint": self._checkpoint,
            "uncommitted": self._uncommitted,
            "rebalance": self._rebalance,
        }
        moments[cell.moment](cell.part)

    def _idle(self, part: str) -> None:
        time.sleep(0.5)
        self._world.kill(part)

    def _kill_soon(self, part: str) -> None:
        time.sleep(self._rand.uniform(0, 0.05))
        self._world.kill(part)

    def _checkpoint(self, part: str) -> None:
        self._world.begin_checkpoint()
        self._kill_soon(part)

    def _uncommitted(self, part: str) -> None:
        """The part dies while predictions, or the writer's rows, are sent and not committed."""
        place = "writer" if part in ("writer", "flink") else "inference"
        files = {name: self._world.pauses / f"{place}.{name}" for name in ("hold", "held", "go")}
        files["hold"].touch()
        deadline = time.monotonic() + HELD_S
        while not files["held"].exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        self._world.kill(part)
        files["go"].touch()
        time.sleep(0.1)
        for file in files.values():
            file.unlink(missing_ok=True)

    def _rebalance(self, part: str) -> None:
        """The part dies while a second member comes into the group, which then goes again."""
        project = self._world.project
        log = project.config.state / "logs" / "second.log"
        with Child("infer", ["infer", MODEL, "--project", str(project.folder)], log):
            time.sleep(JOIN_S + self._rand.uniform(0, 1.5))
            self._world.kill(part)
            time.sleep(2.0)


def kill_all(folder: Path, days: Days, cells: Sequence[Cell], seed: int) -> tuple[list[Fate], Counter[str]]:
    """Kills every part at its moment, as ``run``."""
    with world(folder, days) as all:
        return run(all, days, cells, contextlib.nullcontext(Striker(all, random.Random(seed))))


def run(
    all: World, days: Days, cells: Sequence[Cell], strikes: AbstractContextManager[Callable[[Cell], None]]
) -> tuple[list[Fate], Counter[str]]:
    """Strikes every cell while the live hours are replayed. Raises AssertionError when a promise is broken."""
    project, config = all.project, all.project.config
    output = project.model(MODEL).output
    with (
        consumer(config, [output]) as reader,
        producer(config, linger_ms=0, max_request_size=LARGEST, delivery_timeout_ms=300_000) as sender,
        Verifier(config, output) as verifier,
        Lead(reader, "departures", LEAD_MS, patience_s=120.0) as lead,
    ):
        with all.supervised():
            with strikes as strike:
                pace = Pace(lead, list(cells), strike)
                poison = [sender.send(project.topic("departures"), raw, key=b"poison") for raw in POISON]
                live = replay(project, sender, days.live, days.end, pace)
            lead.drain()
            all.ready()
        assert len(pace.fates) == len(cells), "too few events for so many kills"
        sent = {name: all.before[name] + live[name] for name in live}
        sent["departures"] += len(poison)
        status = wait_caught_up(project, all.stream, sent)
        pace.measure()
    all.inference.stop()
    all.stream.stop()
    for view, counts in status.counts.items():
        assert sum(counts.values()) == sent[project.view(view).plan.source.name], (view, counts)
    wanted = [identity(receipt) for receipt in pace.requests]
    assert_once(verifier.ids, wanted)
    assert_dead(project, {identity(receipt) for receipt in poison})
    assert_equal_to_batch(project, days)
    return pace.fates, all.starts


def assert_once(found: list[str], wanted: list[str]) -> None:
    """A reader of committed records has seen one prediction for every request, and nothing else."""
    twice = [name for name, number in Counter(found).items() if number > 1]
    assert not twice, f"answered twice: {twice[:5]}"
    assert set(found) == set(wanted), (len(found), len(wanted), sorted(set(found) ^ set(wanted))[:5])


def assert_dead(project: Project, wanted: set[str]) -> None:
    """The requests in the dead-letter topic are the poisonous ones, each with its place and a reason."""
    file = project.config.state / "dead.ndjson"
    read_values(project, project.names.dead_letters, file)
    letters = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    assert {f"{letter['topic']}-{letter['partition']}-{letter['offset']}" for letter in letters} == wanted
    assert all(letter["error"] and letter["detail"] for letter in letters)


def assert_equal_to_batch(project: Project, days: Days) -> None:
    """Stream rows, store rows and predictions' vectors, to the bit."""
    proof, context = project.config.state / "proof", Context(None, False)
    proof.mkdir()
    for view, topic in feature_topics(project).items():
        read_values(project, topic, proof / f"{view}.ndjson")
    for view, topic in project.change_topics.items():
        read_values(project, topic, proof / f"{view}.points.ndjson")
    read_values(project, project.model(MODEL).output, proof / "predictions.ndjson")
    backfill_all(context, project, days.start, days.end, proof / "batch")
    for part in parity_of(context, project, proof, aligned=False):
        assert part.equal, part.samples
        assert part.values > 1_000


def all_cells() -> list[Cell]:
    """Every part at every moment."""
    return [Cell(part, moment) for moment in MOMENTS for part in PARTS]


def main(seed: int) -> None:
    """All cells in a random order, and a table."""
    cells = all_cells()
    random.Random(seed).shuffle(cells)
    days = Days(ms("2013-10-01"), ms("2013-10-06"), ms("2013-10-08"), ms("2013-10-11"))
    with tempfile.TemporaryDirectory(prefix="penstock-chaos-") as folder:
        fates, starts = kill_all(Path(folder), days, cells, seed)
    grid = Table("moment", *PARTS, title=f"seconds without a prediction after a SIGKILL (seed {seed})")
    found = {fate.cell: f"{fate.silence_s:.1f}" for fate in fates}
    for moment in MOMENTS:
        grid.add_row(moment, *(found[Cell(part, moment)] for part in PARTS))
    Console().print(grid)
    Console().print(f"{len(cells)} kills; started again: {dict(starts)}; every request answered once; store = batch")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
