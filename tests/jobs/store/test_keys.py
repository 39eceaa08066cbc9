"""Serialised keys against Feast's own function."""

from __future__ import annotations

from typing import Any

import pytest
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.features.errors import DefinitionError, PenstockError
from penstock.jobs.store.keys import encode_keys, encode_known_keys
from penstock.jobs.store.rows import ViewSchema

VALUES: dict[str, st.SearchStrategy[Any]] = {"int64": st.integers(-(2**63), 2**63 - 1), "string": st.text(max_size=40)}
FIELDS = {"int64": "int64_val", "string": "string_val"}


def schema(*key: tuple[str, str]) -> ViewSchema:
    return ViewSchema("view", key, (("x", "int64"),), (0,), "f")


@st.composite
def schemas_and_keys(draw: st.DrawFn) -> tuple[ViewSchema, list[tuple[Any, ...]]]:
    names = draw(st.lists(st.text("abcé_", min_size=1, max_size=5), min_size=1, max_size=4, unique=True))
    types = [draw(st.sampled_from(sorted(VALUES))) for _ in names]
    keys = draw(st.lists(st.tuples(*(VALUES[type] for type in types)), max_size=5))
    return schema(*zip(names, types, strict=True)), keys


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(schemas_and_keys())
def test_bytes_are_those_of_feast(case: tuple[ViewSchema, list[tuple[Any, ...]]]) -> None:
    view, keys = case
    names = [name for name, _ in view.key]
    expected = [
        serialize_entity_key(
            EntityKey(
                join_keys=names,
                entity_values=[Value(**{FIELDS[type]: value}) for (_, type), value in zip(view.key, key, strict=True)],
            ),
            entity_key_serialization_version=3,
        )
        for key in keys
    ]
    assert encode_keys(view, keys) == expected


@pytest.mark.parametrize("key", [(None,), ("1",), (1.5,), (2**63,), ()])
def test_a_key_that_does_not_fit_is_refused(key: tuple[Any, ...]) -> None:
    with pytest.raises(PenstockError, match="a key of view view does not fit"):
        encode_keys(schema(("customer", "int64")), [(1,), key])


def test_a_key_with_a_null_part_is_unknown() -> None:
    view = schema(("origin", "string"), ("dest", "string"))
    (known,) = encode_keys(view, [("JFK", "LAX")])
    assert encode_known_keys(view, [("JFK", None), ("JFK", "LAX"), (None, None)]) == [None, known, None]


def test_a_key_column_of_another_type_is_refused() -> None:
    with pytest.raises(DefinitionError, match="float64"):
        encode_keys(schema(("price", "float64")), [(1.0,)])
