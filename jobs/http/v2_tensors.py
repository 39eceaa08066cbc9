"""Tensors of the Open Inference Protocol: columns of requests in, numbers of answers out, in JSON or binary."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from penstock.features.errors import PenstockError, did_you_mean
from penstock.features.plan import ColumnPlan, SourcePlan
from penstock.jobs.http.body import BodyRecord
from penstock.jobs.http.refusal import Refusal

#: What the protocol calls a type, the one that is preferred first.
_WHOLE = ("INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8")
DATATYPES: dict[str, tuple[str, ...]] = {
    "int64": _WHOLE,
    "timestamp": _WHOLE,
    "float64": ("FP64", "FP32", "FP16", *_WHOLE),
    "bool": ("BOOL",),
    "string": ("BYTES",),
}
#: In binary, little-endian.
_DTYPES = {"FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "BOOL": "?"}
_DTYPES |= {f"INT{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)}
_DTYPES |= {f"UINT{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)}

Column = Sequence[Any]


def records_of(source: SourcePlan, tensors: Any, binary: bytes) -> list[BodyRecord]:
    """The requests whose columns these tensors are, all of the shape [n] or [n, 1]. ``binary``: what follows the JSON.

    An absent column is null, and so is NaN or an infinity, as in a file. Raises Refusal.
    """
    if not isinstance(tensors, list) or not tensors or not all(isinstance(each, dict) for each in tensors):
        raise _bad("there are no inputs", "inputs", "a list of tensors: name, shape, datatype, data")
    columns: dict[str, Column] = {}
    known = {str(column.name): column for column in source.columns}
    rest = memoryview(binary)
    for tensor in tensors:
        column = _column(known, tensor.get("name"))
        size = _binary_size(tensor)
        if len(rest) < (size or 0):
            raise _bad(
                f"the body ends {(size or 0) - len(rest)} bytes too soon", f"input {column.name}", "all its bytes"
            )
        columns[str(column.name)] = _values(column, tensor, None if size is None else rest[:size])
        rest = rest[size or 0 :]
    if len(rest):
        raise _bad(f"{len(rest)} bytes belong to no input", "the body", "binary_data_size of each input")
    if len({len(values) for values in columns.values()}) > 1:
        raise _bad("the inputs have different lengths", "inputs", "the same first dimension in every shape")
    rows = zip(*columns.values(), strict=True)
    return [BodyRecord(orjson.dumps(dict(zip(columns, row, strict=True)))) for row in rows]


def _column(known: Mapping[str, ColumnPlan], name: Any) -> ColumnPlan:
    if name not in known:
        raise _bad(f"there is no input {str(name)[:100]!r}", "inputs", ", ".join(known), did_you_mean(str(name), known))
    return known[name]


def _binary_size(tensor: Mapping[str, Any]) -> int | None:
    parameters = tensor.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise _bad("binary_data_size is no number of bytes", f"input {tensor.get('name')}", "a whole number from 0 on")
    return size


def _values(column: ColumnPlan, tensor: Mapping[str, Any], raw: memoryview | None) -> Column:
    where, datatype = f"input {column.name}", tensor.get("datatype")
    if datatype not in DATATYPES[column.type]:
        raise _bad(f"{str(datatype)[:50]} is no datatype for {column.type}", where, ", ".join(DATATYPES[column.type]))
    shape = tensor.get("shape")
    whole = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not whole or len(shape or []) not in (1, 2) or (shape or [])[1:] not in ([], [1]):
        raise _bad(f"the shape is {str(shape)[:100]}", where, "[n] or [n, 1]")
    values = list(_flat(tensor.get("data"))) if raw is None else _read(str(datatype), raw, where)
    assert shape is not None
    if len(values) != shape[0]:
        raise _bad(f"there are {len(values)} values, and the shape says {shape[0]}", where, "as many as the shape says")
    return values


def _flat(data: Any) -> Iterator[Any]:
    """The data of a tensor in JSON, which may be nested as its shape is."""
    for value in data if isinstance(data, list) else ():
        yield from value if isinstance(value, list) else (value,)


def _read(datatype: str, raw: memoryview, where: str) -> Column:
    try:
        if datatype == "BYTES":
            return list(_texts(raw))
        values: list[Any] = np.frombuffer(raw, dtype=_DTYPES[datatype]).tolist()
    except (struct.error, ValueError) as error:
        raise _bad(
            f"the bytes are not {datatype}: {error}", where, "values one after the other, little-endian"
        ) from None
    return values


def _texts(raw: memoryview) -> Iterator[str]:
    """Each is its length in 4 bytes, and UTF-8."""
    at = 0
    while at < len(raw):
        (size,) = struct.unpack_from("<I", raw, at)
        if size > len(raw) - at - 4:
            raise ValueError("the last text is cut")
        yield str(raw[at + 4 : at + 4 + size], "utf-8")
        at += 4 + size


def outputs_of(
    answers: npt.NDArray[np.float64], names: Sequence[str], wanted: Mapping[str, bool]
) -> tuple[list[dict[str, Any]], bytes]:
    """The tensors of answers of shape (n,) or (n, names), and what follows the JSON. ``wanted``: name → in binary."""
    columns = dict(zip(names, answers.reshape(len(answers), -1).T, strict=True))
    tensors, blobs = [], []
    for name, binary in wanted.items():
        tensor: dict[str, Any] = {"name": name, "datatype": "FP64", "shape": [len(answers)]}
        if binary:
            blobs.append(columns[name].astype("<f8").tobytes())
            tensor["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            tensor["data"] = columns[name].tolist()
        tensors.append(tensor)
    return tensors, b"".join(blobs)


def _bad(what: str, where: str, allowed: str, hint: str | None = None) -> Refusal:
    return Refusal(400, PenstockError(what, where=where, allowed=allowed, hint=hint))
