"""Kills a stream at any moment of its hand-over: ``python -m tests.chaos.handover SEED``.

It is killed in the history part, at the cut-over and after it, and goes on with another parallelism each time. In the
end each row from the cut-over on must be that of batch.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from penstock.features.errors import PenstockError
from penstock.jobs.streaming.status import wait_stream
from tests.jobs.handover.test_handover import (
    counted,
    has_all,
    has_ended,
    stop,
    test_every_row_from_the_cut_over_on_is_that_of_batch,
    wait_for,
)
from tests.jobs.handover.world import CUT, END, VIEWS, World, make_world, time_of
from tests.kafka_broker import kafka_broker

KILLS = 6
#: Milliseconds between two events of a source, about.
STEP = 60
#: Seconds that a stream may live once it has taken a checkpoint.
LIFE_S = 3.0


def main(seed: int) -> None:
    """Prints when the stream was killed. AssertionError for a row that differs."""
    chance, grid = random.Random(seed), Table("start", "parallelism", "killed", title=f"hand-over, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="penstock-chaos-") as name, kafka_broker(Path(name) / "kafka") as kafka:
        (folder := Path(name) / "world").mkdir()
        world = make_world(folder, kafka, seed, step=STEP)
        world.send(0, END + 1)
        for number in range(KILLS):
            parallelism = chance.choice([1, 2, 4]) if number else 2
            world.set_parallelism(parallelism)
            with world.child(f"start {number}", "--cut-over", "2023-11-14T22:13:20Z") as child:
                wait_stream(world.project, child, timeout_s=600)
                wait_for(lambda: has_checkpoint(world), child)
                time.sleep(chance.uniform(0, LIFE_S))
                grid.add_row(str(number), str(parallelism), moment(world))
                child.kill()
        with world.child("last") as child:
            wait_stream(world.project, child, timeout_s=600)
            wait_for(lambda: has_all(world, END + 1), child, 900)
            wait_for(lambda: all(has_ended(world, view) for view in VIEWS), child, 900)
            stop(world, child)
        Console().print(grid)
        for view in VIEWS:
            test_every_row_from_the_cut_over_on_is_that_of_batch(world, view)
        print(f"all rows of {len(VIEWS)} views are those of batch")


def has_checkpoint(world: World) -> bool:
    return any((world.project.config.state / "stream").glob("checkpoints/*/chk-*/_metadata"))


def moment(world: World) -> str:
    """How far it was, by one view."""
    history = sum(time_of(event) < CUT for event in world.history("orders"))
    try:
        events = sum(counted(world, "by_id", "orders").values())
    except PenstockError:
        return "not known"
    return f"in history, {events:,} of {history:,}" if events < history else f"behind it, {events - history:,}"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
