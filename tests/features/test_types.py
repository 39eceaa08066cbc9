from pathlib import Path

import pytest

from penstock import column
from penstock.features.types import DEFAULT_PLACES, MAX_PLACES, TYPES, Column
from tests.features.written import refused


@pytest.mark.parametrize("type", TYPES)
def test_there_are_five_types(type: str) -> None:
    assert len(TYPES) == 5
    assert column(type) == Column(type, nullable=True, places=DEFAULT_PLACES)


def test_a_column_can_say_more_than_its_type() -> None:
    assert column("float64", nullable=False, places=2) == Column("float64", False, 2)
    assert column("float64", places=MAX_PLACES).places == 22
    assert column("float64", places=0).places == 0


@pytest.mark.parametrize(("type", "hint"), [("float", "did you mean 'float64'?"), ("Int64", "did you mean 'int64'?")])
def test_an_unknown_type_is_refused_with_the_nearest(tmp_path: Path, type: str, hint: str) -> None:
    error = refused(tmp_path, f"column({type!r})")
    assert error.what == f"{type!r} is not a column type"
    assert error.allowed.startswith("int64 float64 string bool timestamp, and in a Table a vector")
    assert error.hint == hint


def test_a_python_type_is_not_a_column_type(tmp_path: Path) -> None:
    error = refused(tmp_path, "Stream('s', topic='s', time='ts', columns=dict(x=float))")
    assert error.what == "<class 'float'> is not a column type"


@pytest.mark.parametrize("places", ["-1", "23", "2.5", "'2'", "None", "True"])
def test_places_are_a_whole_number_that_a_double_can_scale_by(tmp_path: Path, places: str) -> None:
    error = refused(tmp_path, f"column('float64', places={places})")
    assert error.what == f"places={places} is out of range"
    assert error.allowed == "a whole number, 0 to 22"


@pytest.mark.parametrize("type", ["int64", "string", "bool", "timestamp"])
def test_places_are_said_of_floats_only(tmp_path: Path, type: str) -> None:
    assert refused(tmp_path, f"column({type!r}, places=2)").what == f"places=2 says nothing of {type}"


def test_the_greatest_places_are_an_exact_power_of_ten() -> None:
    assert int(float(10**MAX_PLACES)) == 10**MAX_PLACES
    assert int(float(10 ** (MAX_PLACES + 1))) != 10 ** (MAX_PLACES + 1)
