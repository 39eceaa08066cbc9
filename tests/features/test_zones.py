import random
import zoneinfo
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pytest

from penstock.features.errors import DefinitionError
from penstock.features.scalars import local
from penstock.features.vector_functions import local as local_columns
from penstock.features.zones import Zone, zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Changes by half an hour, by two hours, by a day; odd seconds; within a fortnight; every year; never.
ZONES = [
    "America/New_York",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Europe/Amsterdam",
    "America/Juneau",
    "Etc/GMT+5",
    "UTC",
]


def library(name: str) -> zoneinfo.ZoneInfo:
    with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return zoneinfo.ZoneInfo.from_file(file, key=name)


def moments(table: Zone) -> list[int]:
    """Around every change, and anywhere between the years 1 and 2100."""
    edges = [start + by for start, offset in table.offsets if offset is not None for by in (-1, 0, 1)]
    anywhere = [random.Random(5).randrange(-62_135_596_800_000, 4_102_444_800_000) for _ in range(500)]
    return [t for t in edges + anywhere if -62_100_000_000_000 <= t < 4_102_444_800_000]


@pytest.mark.parametrize("name", ZONES)
def test_a_table_says_what_the_library_says_until_2100(name: str) -> None:
    table, rules = zone(name), library(name)
    for t in moments(table):
        offset = (EPOCH + timedelta(milliseconds=t)).astimezone(rules).utcoffset()
        assert offset is not None
        assert local(table, t) == t + offset // timedelta(milliseconds=1), t


@pytest.mark.parametrize("name", ZONES)
def test_columns_have_the_values_of_single_times(name: str) -> None:
    table = zone(name)
    times = [*moments(table), -62_135_596_800_000, 4_102_444_799_999, 4_102_444_800_000, 253_402_300_799_999]
    values, none = local_columns(table, np.array(times))
    unknown = np.broadcast_to(none, len(times)).tolist()
    found = [None if lost else value for value, lost in zip(values.tolist(), unknown, strict=True)]
    assert found == [local(table, t) for t in times]


@pytest.mark.parametrize("name", ZONES)
def test_a_table_ascends_changes_at_each_entry_and_ends_in_2100_if_it_changes(name: str) -> None:
    table = zone(name)
    assert all(a[0] < b[0] and a[1] != b[1] for a, b in pairwise(table.offsets))
    assert (table.offsets[-1] == (4_102_444_800_000, None)) == (len(table.offsets) > 1)


def test_no_zone_changes_twice_within_the_step_of_the_search() -> None:
    """Changes nearer than that could hide each other: the search must be finer than what it finds is apart."""
    nearest = min(b[0] - a[0] for name in ZONES for a, b in pairwise(zone(name).offsets))
    assert nearest > 6 * 86_400_000


def test_utc_is_known_by_every_name() -> None:
    assert [zone(name).utc for name in ("UTC", "Etc/UTC", "Zulu", "Europe/London")] == [True, True, True, False]


def test_json_reads_back() -> None:
    table = zone("Asia/Kolkata")
    assert Zone.from_json(table.to_json()) == table
    assert table.to_json()["offsets"][-1] == [4_102_444_800_000, None]


@pytest.mark.parametrize("name", ["America/NewYork", "", "../zones", "EST5EDT4", "localtime"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match="is not a time zone"):
        zone(name)
