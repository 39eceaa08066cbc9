"""The functions by which DuckDB reads what SQL does not read to the bit: Python's own casts, column by column."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pyarrow as pa

from penstock.features.records.casts import Cast, Numeral, Unfit, typed

_ARROW = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "bool": pa.bool_(),
    "timestamp": pa.int64(),
}


@lru_cache
def _cast(spec: str) -> tuple[str, Cast]:
    type, cast = json.loads(spec)
    return type, Cast.from_json(cast)


def _value(text: str, number: bool) -> Any:
    if not number:
        return text
    return int(text) if text.lstrip("-").isdigit() else Numeral(text)


def _reader(type: str) -> Callable[[pa.Array, pa.Array, pa.Array], pa.Array]:
    def read(texts: pa.Array, numbers: pa.Array, specs: pa.Array) -> pa.Array:
        values = [_read(*row) for row in _rows(texts, numbers, specs)]
        return pa.array([None if isinstance(value, Unfit) else value for value in values], _ARROW[type])

    return read


def _errors(texts: pa.Array, numbers: pa.Array, specs: pa.Array) -> pa.Array:
    values = [_read(*row) for row in _rows(texts, numbers, specs)]
    return pa.array([value.code if isinstance(value, Unfit) else None for value in values], pa.string())


def _rows(texts: pa.Array, numbers: pa.Array, specs: pa.Array) -> zip[tuple[Any, Any, Any]]:
    return zip(texts.to_pylist(), numbers.to_pylist(), specs.to_pylist(), strict=True)


def _read(text: str | None, number: bool, spec: str) -> Any:
    if text is None:
        return None
    type, cast = _cast(spec)
    try:
        return typed(type, cast, _value(text, number))
    except Unfit as unfit:
        return unfit


#: Name in SQL → what DuckDB calls with (VARCHAR, BOOLEAN, VARCHAR), and the type that it gives.
FORM_FUNCTIONS: dict[str, tuple[Callable[[pa.Array, pa.Array, pa.Array], pa.Array], str]] = {
    "read_int64": (_reader("int64"), "BIGINT"),
    "read_float64": (_reader("float64"), "DOUBLE"),
    "read_string": (_reader("string"), "VARCHAR"),
    "read_bool": (_reader("bool"), "BOOLEAN"),
    "read_timestamp": (_reader("timestamp"), "BIGINT"),
    "read_error": (_errors, "VARCHAR"),
}
