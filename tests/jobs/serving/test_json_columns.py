"""Records' JSON from columns is that of the records, to the byte."""

from __future__ import annotations

import math
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from penstock.features.expressions import INT64_MAX, INT64_MIN
from penstock.jobs.serving.json_columns import HOLE, fixed, form, written

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "int64": st.integers(INT64_MIN, INT64_MAX),
    "timestamp": st.integers(INT64_MIN, INT64_MAX),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "string": TEXTS | st.sampled_from([",", '"', "\\", "%b", "a,b"]),
}
TABLES = st.lists(st.fixed_dictionaries({type: st.none() | items for type, items in COLUMNS.items()}), max_size=8)


@given(TABLES, TEXTS | st.just("100%b"))
def test_the_bytes_are_those_of_each_record_as_a_dict(rows: list[dict[str, Any]], same: str) -> None:
    holes = dict.fromkeys(COLUMNS, HOLE)
    record = form({"100%b": form({same: fixed(same)}), "none": form({}), "row": form(holes)})
    columns = [written(type, [row[type] for row in rows]) for type in COLUMNS]
    assert [record % fields for fields in zip(*columns, strict=True)] == [
        orjson.dumps({"100%b": {same: same}, "none": {}, "row": {type: row[type] for type in COLUMNS}}) for row in rows
    ]


def test_the_edges_of_floats_read_back_to_the_same_bits() -> None:
    edges = [0.0, 5e-324, 1.7976931348623157e308, 1e16, 1e-7, 0.1, math.nextafter(1, 2), -1e22]
    assert list(map(orjson.loads, written("float64", edges))) == edges
    assert written("float64", [None]) == [b"null"]


def test_no_records_have_no_pieces() -> None:
    assert [written(type, []) for type in COLUMNS] == [[]] * len(COLUMNS)
