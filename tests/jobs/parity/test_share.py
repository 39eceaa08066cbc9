from collections import Counter
from dataclasses import replace

import pytest

from penstock.jobs.parity import share
from penstock.jobs.parity.share import oracle_share
from tests.jobs.parity.shop import PLAN, came, many


def test_all_events_where_they_are_few() -> None:
    given = [*many(200), *came(b"{")]
    assert oracle_share(PLAN, given, 0) == given


def test_of_many_events_some_keys_each_with_all_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "MOST_ASKED", 40_000)
    given = many(5_000, keys=100)
    taken = oracle_share(PLAN, given, 0)
    by_key = Counter(event.row["customer"] for event in taken if event.row is not None)
    assert set(by_key.values()) == {50}
    assert 1 <= len(by_key) < 100
    assert [event.index for event in taken] == sorted(event.index for event in taken)
    assert taken != oracle_share(PLAN, given, 1)


def test_a_busy_key_gives_a_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "MOST_OF_A_KEY", 30)
    given = many(1_000, keys=1)
    taken = [event.index for event in oracle_share(PLAN, given, 0)]
    assert taken == list(range(taken[0], taken[0] + 30))
    assert taken != [event.index for event in oracle_share(PLAN, given, 1)]


def test_bad_events_are_always_among_them() -> None:
    bad = came(b"{", b"[]")
    given = [*many(3_000, keys=1)]
    given[10] = replace(bad[0], index=10)
    given[-1] = replace(bad[1], index=2_999)
    taken = {event.index for event in oracle_share(PLAN, given, 0)}
    assert {10, 2_999} <= taken
    assert len(taken) == share.MOST_OF_A_KEY + 2
