"""The command's options. What it does is tested in test_inference."""

from __future__ import annotations

import pytest

from features.errors import UsageError
from jobs.commands.infer import Offsets


@pytest.mark.parametrize("text", ["", "5", "0:", "a:1", "0:1,", "0:-1", "0:1,0:2", "0:1:2"])
def test_offsets_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="does not name offsets"):
        Offsets().convert(text, None, None)


def test_offsets_are_partitions_with_their_first_offset() -> None:
    assert Offsets().convert("0:1200,1:950", None, None) == {0: 1200, 1: 950}
