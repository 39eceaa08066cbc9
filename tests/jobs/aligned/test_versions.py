"""Which of a key's rows a request sees."""

from __future__ import annotations

import random

from penstock.jobs.aligned.versions import Version, Versions

KEY = b'{"k":"a"}'
NEVER = -(1 << 63)


def row(since: int, t: int, seq: int) -> Version:
    return Version(since, t, seq, f"{t}/{seq}".encode())


def test_the_greatest_row_that_a_time_sees() -> None:
    numbers = random.Random(1)
    for _ in range(300):
        rows = [
            row(max(t, numbers.choice([NEVER, t + numbers.randrange(9)])), t, seq)
            for seq, t in enumerate(numbers.randrange(20) for _ in range(12))
        ]
        before = numbers.choice([NEVER, 8])
        versions = Versions()
        for each in rows:
            versions.put(KEY, each, before)
        for t in range(max(before, -1), 30):
            seen = [each for each in rows if each.since <= t]
            assert versions.at(KEY, t) == max(seen, key=lambda each: (each.t, each.seq), default=None)


def test_rows_that_no_request_can_ask_for_go() -> None:
    versions = Versions()
    for t in range(100):
        versions.put(KEY, row(t, t, t), t - 10)
    assert versions.at(KEY, 88) is None
    assert versions.at(KEY, 89) == row(89, 89, 89)
    assert len(versions) == 1


def test_a_key_that_is_erased_has_no_row() -> None:
    versions = Versions()
    versions.put(KEY, row(1, 1, 1), NEVER)
    versions.erase(KEY)
    versions.erase(b'{"k":"b"}')
    assert versions.at(KEY, 5) is None
    assert versions.at(b'{"k":"b"}', 5) is None
