"""Equality to the bit: the comparison that all proofs share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def differing(left: pa.ChunkedArray, right: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Mask of the rows whose values differ: in null or not, or in any bit. Shape ``(rows,)``, bool.

    Both columns have the same Arrow type and length; floats compare by their bits.
    """
    if pa.types.is_list(left.type):
        return _differing_lists(left.combine_chunks(), right.combine_chunks())
    a, b = _bits(left), _bits(right)
    same_null = pc.equal(pc.is_null(a), pc.is_null(b))
    same_value = pc.fill_null(pc.equal(a, b), True)
    same: npt.NDArray[np.bool_] = np.asarray(pc.and_(same_null, same_value), dtype=bool)
    return ~same


def _differing_lists(left: pa.ListArray, right: pa.ListArray) -> npt.NDArray[np.bool_]:
    """Lists differ in null or not, in length, or in any element."""
    a, b = (np.asarray(pc.fill_null(pc.list_value_length(lists), -1)) for lists in (left, right))
    unlike: npt.NDArray[np.bool_] = a != b
    same = np.flatnonzero(~unlike & (a > 0))
    elements = [pa.chunked_array([lists.take(pa.array(same)).flatten()]) for lists in (left, right)]
    wrong = differing(elements[0], elements[1])
    unlike[np.repeat(same, a[same])[wrong]] = True
    return unlike


def _bits(column: pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks()
    if pa.types.is_float32(array.type):
        return array.view(pa.int32())
    return array.view(pa.int64()) if pa.types.is_float64(array.type) else array
