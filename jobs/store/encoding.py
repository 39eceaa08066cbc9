"""Columns of values to and from the bytes of Feast's protobuf ``Value``, without protobuf.

A null is an empty message. A timestamp is kept in whole seconds by Feast; the milliseconds left over follow as a
field that ``Value`` does not know, which every protobuf reader passes over. What Feast itself writes for a null
timestamp, the least int64, is read as null, too. A list is a message of its own within ``Value``: field 1 of it, packed
for numbers; so is a vector, whose cells are all of one length.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from penstock.features.dimensions import dimensions
from penstock.features.errors import PenstockError

Cell = bytes | None
Mask = npt.NDArray[np.bool_]
Decoded = tuple[npt.NDArray[Any], Mask]

NULL = b""

#: Field tags (field number << 3 | wire type) of Feast's Value.proto.
_STRING, _INT64, _DOUBLE, _BOOL, _TIMESTAMP = b"\x12", b"\x20", b"\x29", b"\x38", b"\x40"
#: Field 1000, a varint: the milliseconds of a timestamp beyond its whole second.
_MILLIS = b"\xc0\x3e"

#: The same field for a list of timestamps: a packed varint for each of them.
_LIST_MILLIS = b"\xc2\x3e"
_LISTS = {"int64": b"\x72", "float64": b"\x7a", "string": b"\x62", "bool": b"\x8a\x01", "timestamp": b"\x92\x01"}
#: Of lists of float32: what a vector is kept as.
_FLOATS = b"\x82\x01"
#: Field 1 of a list message.
_ELEMENTS = b"\x0a"

_PACK_DOUBLE = struct.Struct("<d").pack
_DOUBLE_CELL = np.dtype([("tag", "u1"), ("value", "<f8")])
_DOUBLE_NULL = bytes(_DOUBLE_CELL.itemsize)

_INT64_LIMIT = 1 << 63
#: The seconds that Feast writes for a null timestamp: pandas' NaT.
_NO_TIME = -_INT64_LIMIT
_UINT64_MASK = (1 << 64) - 1
#: A tag and at most ten bytes of varint.
_VARINT_CELL = 11
_SHIFTS = np.arange(0, 70, 7, dtype=np.uint64)

_TRUE, _FALSE = _BOOL + b"\x01", _BOOL + b"\x00"


def varint(value: int) -> bytes:
    """A non-negative integer in protobuf's base 128, least significant group first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed_varint(value: int) -> bytes:
    """An int64 as protobuf writes it (two's complement). Raises OverflowError beyond int64."""
    if not -_INT64_LIMIT <= value < _INT64_LIMIT:
        raise OverflowError(f"{value} does not fit int64")
    return varint(value & _UINT64_MASK)


#: Counts are small: most integers of a store are found here.
_SMALL_INTS = [_INT64 + varint(value) for value in range(1 << 13)]
_SMALL_CELLS: dict[Cell, int] = {cell: value for value, cell in enumerate(_SMALL_INTS)}


def _encode_int64(value: int) -> bytes:
    if 0 <= value < len(_SMALL_INTS):
        return _SMALL_INTS[value]
    return _INT64 + signed_varint(value)


def _encode_float64(value: float) -> bytes:
    return _DOUBLE + _PACK_DOUBLE(value)


def _encode_string(value: str) -> bytes:
    text = value.encode()
    return _STRING + varint(len(text)) + text


def _encode_bool(value: bool) -> bytes:
    return _TRUE if value else _FALSE


def _encode_timestamp(value: int) -> bytes:
    seconds, millis = divmod(value, 1000)
    rest = _MILLIS + varint(millis) if millis else b""
    return _TIMESTAMP + signed_varint(seconds) + rest


def _sized(data: bytes) -> bytes:
    return varint(len(data)) + data


def _packed(data: bytes) -> bytes:
    return _ELEMENTS + _sized(data) if data else b""


def _encode_timestamps(values: Sequence[int]) -> bytes:
    parts = [divmod(value, 1000) for value in values]
    seconds = _packed(b"".join(signed_varint(second) for second, _ in parts))
    rest = _LIST_MILLIS + _sized(b"".join(varint(m) for _, m in parts)) if any(m for _, m in parts) else b""
    return _LISTS["timestamp"] + _sized(seconds) + rest


def _encode_bool_element(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"


def _encode_list(type: str, element: Callable[[Any], bytes]) -> Callable[[Sequence[Any]], bytes]:
    tag, repeated = _LISTS[type], type == "string"

    def encode(values: Sequence[Any]) -> bytes:
        if repeated:
            return tag + _sized(b"".join(_ELEMENTS + _sized(element(value)) for value in values))
        return tag + _sized(_packed(b"".join(map(element, values))))

    return encode


_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "int64": _encode_int64,
    "float64": _encode_float64,
    "string": _encode_string,
    "bool": _encode_bool,
    "timestamp": _encode_timestamp,
    "list<int64>": _encode_list("int64", signed_varint),
    "list<float64>": _encode_list("float64", _PACK_DOUBLE),
    "list<string>": _encode_list("string", str.encode),
    "list<bool>": _encode_list("bool", _encode_bool_element),
    "list<timestamp>": _encode_timestamps,
}


@cache
def _vector_cell(size: int) -> np.dtype[np.void]:
    """A cell of a vector: what stands before its elements, and these."""
    return np.dtype([("head", f"V{len(_vector_head(size))}"), ("values", "<f4", (size,))])


@cache
def _vector_head(size: int) -> bytes:
    numbers = _ELEMENTS + varint(4 * size)
    return _FLOATS + varint(len(numbers) + 4 * size) + numbers


def _encode_vector(size: int) -> Callable[[Any], bytes]:
    head, pack = _vector_head(size), struct.Struct(f"<{size}f").pack

    def encode(values: Any) -> bytes:
        if not isinstance(values, (list, np.ndarray)) or len(values) != size:
            raise ValueError(f"{len(values)} elements" if isinstance(values, list) else repr(values)[:40])
        return head + pack(*values)

    return encode


def encode_column(type: str, values: Sequence[Any], *, where: str) -> list[bytes]:
    """Each value as ``Value.SerializeToString()`` gives it. Raises PenstockError, naming ``where``, for a misfit."""
    size = dimensions(type)
    encode = _ENCODERS[type] if size is None else _encode_vector(size)
    try:
        return [NULL if value is None else encode(value) for value in values]
    except (TypeError, ValueError, OverflowError, AttributeError, struct.error) as error:
        raise PenstockError(f"a value is not {type}: {error}", where=where) from None


def decode_column(type: str, cells: Sequence[Cell], *, where: str) -> Decoded:
    """Values and null mask, both of ``len(cells)``. None and the empty message are null.

    float64, int64 (timestamps too: milliseconds) and bool give arrays of that dtype, strings and lists object arrays;
    vectors float32 of shape (n, dimensions). Under a null lies NaN, 0, False or None. Raises PenstockError, naming
    ``where``, for bytes of another type.
    """
    size = dimensions(type)
    try:
        return _DECODERS[type](cells) if size is None else _decode_vectors(size, cells)
    except (ValueError, IndexError, OverflowError) as error:
        raise PenstockError(f"the store holds a value that is not {type}: {error}", where=where) from None


def _decode_float64(cells: Sequence[Cell]) -> Decoded:
    table = np.frombuffer(_doubles(cells), dtype=_DOUBLE_CELL)
    if len(table) != len(cells):
        raise ValueError("wrong length")
    null = _nulls(table["tag"], _DOUBLE)
    values = table["value"].astype(np.float64)
    values[null] = np.nan
    return values, null


def _doubles(cells: Sequence[Cell]) -> bytes:
    """The cells one after the other; most often none of them is null."""
    try:
        joined = b"".join(cells)  # type: ignore[arg-type]
    except TypeError:
        joined = b""
    if len(joined) == len(cells) * _DOUBLE_CELL.itemsize:
        return joined
    return b"".join([cell or _DOUBLE_NULL for cell in cells])


def _decode_vectors(size: int, cells: Sequence[Cell]) -> Decoded:
    form, head = _vector_cell(size), _vector_head(size)
    null = np.fromiter((not cell for cell in cells), np.bool_, len(cells))
    if any(cell and (len(cell) != form.itemsize or not cell.startswith(head)) for cell in cells):
        raise ValueError("another field of Value, or another length")
    nothing = bytes(form.itemsize)
    table = np.frombuffer(b"".join([cell or nothing for cell in cells]), dtype=form)
    values = table["values"].astype(np.float32)
    values[null] = np.nan
    return values, null


def _decode_int64(cells: Sequence[Cell]) -> Decoded:
    try:
        small = np.fromiter(map(_SMALL_CELLS.__getitem__, cells), dtype=np.int64, count=len(cells))
    except KeyError:
        return _decode_any_int64(cells)
    return small, np.zeros(len(cells), dtype=np.bool_)


def _decode_any_int64(cells: Sequence[Cell]) -> Decoded:
    # numpy pads with zeros, and a zero is what lies above a varint's last group
    table = np.array([cell or NULL for cell in cells], dtype=f"S{_VARINT_CELL}")
    octets = table.view(np.uint8).reshape(len(cells), _VARINT_CELL)
    groups = (octets[:, 1:] & 127).astype(np.uint64) << _SHIFTS
    return groups.sum(axis=1, dtype=np.uint64).view(np.int64), _nulls(octets[:, 0], _INT64)


def _decode_bool(cells: Sequence[Cell]) -> Decoded:
    table = np.array([cell or NULL for cell in cells], dtype="S2").view(np.uint8).reshape(len(cells), 2)
    return table[:, 1].astype(np.bool_), _nulls(table[:, 0], _BOOL)


def _decode_string(cells: Sequence[Cell]) -> Decoded:
    values = np.empty(len(cells), dtype=object)
    values[:] = [_string(cell) if cell else None for cell in cells]
    return values, np.array([not cell for cell in cells], dtype=np.bool_)


def _decode_timestamp(cells: Sequence[Cell]) -> Decoded:
    values = [_timestamp(cell) if cell else None for cell in cells]
    null = np.array([value is None for value in values], dtype=np.bool_)
    return np.array([value or 0 for value in values], dtype=np.int64), null


def _decode_list(type: str) -> Callable[[Sequence[Cell]], Decoded]:
    def decode(cells: Sequence[Cell]) -> Decoded:
        values = np.empty(len(cells), dtype=object)
        for place, cell in enumerate(cells):
            values[place] = _list(type, cell) if cell else None
        return values, np.array([not cell for cell in cells], dtype=np.bool_)

    return decode


_DECODERS: dict[str, Callable[[Sequence[Cell]], Decoded]] = {
    "int64": _decode_int64,
    "float64": _decode_float64,
    "string": _decode_string,
    "bool": _decode_bool,
    "timestamp": _decode_timestamp,
    **{f"list<{type}>": _decode_list(type) for type in _LISTS},
}


def _nulls(tags: npt.NDArray[np.uint8], expected: bytes) -> Mask:
    null: Mask = tags == 0
    if not np.all(null | (tags == expected[0])):
        raise ValueError("another field of Value")
    return null


def _string(cell: bytes) -> str:
    size, start = _read_varint(cell, _expect(cell, 0, _STRING))
    if start + size != len(cell):
        raise ValueError("wrong length")
    return cell[start:].decode()


def _timestamp(cell: bytes) -> int | None:
    seconds, end = _read_varint(cell, _expect(cell, 0, _TIMESTAMP))
    millis = _read_varint(cell, _expect(cell, end, _MILLIS))[0] if end < len(cell) else 0
    return _milliseconds(seconds - (1 << 64) if seconds >= _INT64_LIMIT else seconds, millis)


def _milliseconds(seconds: int, millis: int) -> int | None:
    return None if seconds == _NO_TIME else seconds * 1000 + millis


def _list(type: str, cell: bytes) -> list[Any]:
    message, end = _message(cell, _expect(cell, 0, _LISTS[type]))
    rest = _message(cell, _expect(cell, end, _LIST_MILLIS))[0] if end < len(cell) else b""
    if type == "string":
        return [text.decode() for text in _elements(message)]
    packed = b"".join(_elements(message))
    if type == "float64":
        return [value for (value,) in struct.iter_unpack("<d", packed)]
    if type == "bool":
        return [value != 0 for value in packed]
    numbers = [value - (1 << 64) if value >= _INT64_LIMIT else value for value in _varints(packed)]
    if type == "timestamp":
        millis = _varints(rest) if rest else [0] * len(numbers)
        return [_milliseconds(second, milli) for second, milli in zip(numbers, millis, strict=True)]
    return numbers


def _message(cell: bytes, start: int) -> tuple[bytes, int]:
    """What has its length before it, and where it ends."""
    size, start = _read_varint(cell, start)
    if start + size > len(cell):
        raise ValueError("wrong length")
    return cell[start : start + size], start + size


def _elements(message: bytes) -> list[bytes]:
    found, end = [], 0
    while end < len(message):
        element, end = _message(message, _expect(message, end, _ELEMENTS))
        found.append(element)
    return found


def _varints(packed: bytes) -> list[int]:
    found, end = [], 0
    while end < len(packed):
        value, end = _read_varint(packed, end)
        found.append(value)
    return found


def _expect(cell: bytes, start: int, tag: bytes) -> int:
    if not cell.startswith(tag, start):
        raise ValueError("another field of Value")
    return start + len(tag)


def _read_varint(cell: bytes, start: int) -> tuple[int, int]:
    """The varint at ``start`` and where it ends."""
    value = shift = 0
    while cell[start] > 127:
        value |= (cell[start] & 127) << shift
        shift, start = shift + 7, start + 1
    return value | cell[start] << shift, start + 1
