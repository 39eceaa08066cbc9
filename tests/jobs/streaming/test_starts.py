from __future__ import annotations

from pathlib import Path

from penstock.features.compilers.flink.config import Start
from penstock.jobs.kafka.interface import Place
from penstock.jobs.kafka.loss import Loss
from penstock.jobs.streaming.starts import Seen, Starts, read_starts, write_starts


def test_a_source_goes_on_where_its_state_says_unless_something_is_gone() -> None:
    assert Starts().of("s", "id") == Start("id", 0)


def test_lost_partitions_begin_at_their_first_records_and_others_where_they_are() -> None:
    starts = Starts()
    lost = Loss(Place("t", 1), 5, 9, 12)
    starts.go_on("s", "id", [lost], {Place("t", 0): 3, Place("t", 1): 5})
    assert starts.of("s", "id") == Start("id", 1, {0: 3, 1: 9}, {1: 9})
    assert starts.lost == {"s": 4}


def test_each_time_is_one_of_its_own_and_losses_add_up() -> None:
    starts = Starts()
    starts.go_on("s", "id", [Loss(Place("t", 0), 5, 9, 12)], {Place("t", 0): 5})
    starts.go_on_anew("s", "other", 7)
    assert starts.of("s", "other") == Start("other", 2)
    assert starts.lost == {"s": 11}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    assert read_starts(tmp_path) == Starts()
    starts = Starts(seen={Place("t", 0): Seen("id", 5, 7)})
    starts.go_on("s", "id", [Loss(Place("t", 0), 5, 9, 12)], {Place("t", 0): 5})
    write_starts(tmp_path, starts)
    assert read_starts(tmp_path) == starts
