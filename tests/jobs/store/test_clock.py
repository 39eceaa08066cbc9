"""Order of packed clocks, and Feast's timestamp."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from penstock.jobs.store.clock import ABSENT, feast_seconds, feast_timestamp, pack_clock, unpack_clocks

INT64 = st.integers(-(2**63), 2**63 - 1)
CLOCKS = st.tuples(INT64 | st.integers(-3, 3), INT64 | st.integers(-3, 3))


@given(CLOCKS, CLOCKS)
def test_bytes_compare_as_clocks_do(a: tuple[int, int], b: tuple[int, int]) -> None:
    assert (pack_clock(*a) < pack_clock(*b)) == (a < b)


@given(st.lists(CLOCKS, max_size=10))
def test_unpacking_gives_back_every_clock(clocks: list[tuple[int, int]]) -> None:
    t, seq = unpack_clocks([pack_clock(*clock) for clock in clocks])
    assert list(zip(t.tolist(), seq.tolist(), strict=True)) == clocks


def test_no_clock_is_absent() -> None:
    t, seq = unpack_clocks([None, pack_clock(5, 6)])
    assert t.tolist() == [ABSENT, 5]
    assert seq.tolist() == [ABSENT, 6]
    assert np.isnat(t.view("datetime64[ms]")).tolist() == [True, False]


@given(st.datetimes(datetime(1, 1, 3), datetime(9998, 12, 30)))
def test_the_timestamp_has_the_bytes_of_protobuf(time: datetime) -> None:
    whole = time.replace(microsecond=time.microsecond // 1000 * 1000)
    expected = Timestamp()
    expected.FromDatetime(max(whole, datetime(2, 1, 1)))
    t = (whole - datetime(1970, 1, 1)) // (datetime(1970, 1, 1, 0, 0, 0, 1000) - datetime(1970, 1, 1))
    if whole >= datetime(2, 1, 1):
        assert feast_timestamp(t) == expected.SerializeToString()


@given(INT64)
def test_the_timestamp_is_always_a_datetime(t: int) -> None:
    assert 1 <= datetime.fromtimestamp(feast_seconds(t), tz=UTC).year <= 9999
