"""The command's options. What it does is tested in test_inference."""

from __future__ import annotations

import pytest

from penstock.features.errors import UsageError
from penstock.jobs.commands.infer import From, Offsets


@pytest.mark.parametrize("text", ["", "5", "0:", "a:1", "0:1,", "0:-1", "0:1,0:2", "0:1:2"])
def test_offsets_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="does not name offsets"):
        Offsets().convert(text, None, None)


def test_offsets_are_partitions_with_their_first_offset() -> None:
    assert Offsets().convert("0:1200,1:950", None, None) == {0: 1200, 1: 950}


@pytest.mark.parametrize("text", ["", "newest", "0:5", "5"])
def test_a_place_to_begin_at_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no place to begin at") as caught:
        From().convert(text, None, None)
    assert str(caught.value.allowed).startswith("latest, earliest")


def test_a_group_begins_at_an_end_or_a_time() -> None:
    begins = ("latest", "earliest", "1970-01-01T00:00:01")
    assert [From().convert(text, None, None) for text in begins] == ["latest", "earliest", 1_000]
