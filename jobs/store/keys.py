"""Feast's entity key, serialisation version 3, written by hand: equal to ``serialize_entity_key`` byte for byte.

Layout: number of columns, then the columns' names in sorted order, then their values in the same order. Every name
and value is a type number, a length and its bytes; all numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from penstock.features.errors import DefinitionError, PenstockError
from penstock.jobs.store.rows import ViewSchema

#: ``ValueType`` numbers of Feast's Value.proto.
_STRING, _INT64 = 2, 4

_PAIR = struct.Struct("<II")
_INT_CELL = struct.Struct("<IIq")


def _string_cell(value: str) -> bytes:
    text = value.encode()
    return _PAIR.pack(_STRING, len(text)) + text


def _int64_cell(value: int) -> bytes:
    return _INT_CELL.pack(_INT64, 8, value)


_CELLS: dict[str, Callable[[Any], bytes]] = {"string": _string_cell, "int64": _int64_cell}


def encode_keys(schema: ViewSchema, keys: Sequence[tuple[Any, ...]]) -> list[bytes]:
    """The keys as Feast serialises them. Raises PenstockError for a null or a value of another type."""
    head, order = _layout(schema.key)
    try:
        columns = [[cell(key[i]) for key in keys] for i, cell in order]
    except (TypeError, ValueError, AttributeError, IndexError, struct.error) as error:
        raise _wrong_key(schema, error) from None
    return [head + b"".join(cells) for cells in zip(*columns, strict=True)]


def encode_known_keys(schema: ViewSchema, keys: Sequence[tuple[Any, ...]]) -> list[bytes | None]:
    """As ``encode_keys``, but a key with a null part, which no row can have, becomes None."""
    known = [key for key in keys if None not in key]
    encoded: Iterable[bytes] = encode_keys(schema, known)
    if len(known) == len(keys):
        return list(encoded)
    rest = iter(encoded)
    return [None if None in key else next(rest) for key in keys]


@lru_cache(maxsize=1024)
def _layout(key: tuple[tuple[str, str], ...]) -> tuple[bytes, list[tuple[int, Callable[[Any], bytes]]]]:
    """The bytes before the values, and for each column in sorted order its place in a key and its encoder."""
    for name, type in key:
        if type not in _CELLS:
            raise DefinitionError(f"a key column cannot be of type {type}", where=name, allowed=", ".join(_CELLS))
    order = sorted(range(len(key)), key=lambda i: key[i][0])
    head = struct.pack("<I", len(key)) + b"".join(_string_cell(key[i][0]) for i in order)
    return head, [(i, _CELLS[key[i][1]]) for i in order]


def _wrong_key(schema: ViewSchema, error: Exception) -> PenstockError:
    allowed = ", ".join(f"{name}: {type}" for name, type in schema.key)
    return PenstockError(f"a key of view {schema.name} does not fit its columns: {error}", allowed=allowed)
