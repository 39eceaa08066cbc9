"""A row's place in order as the bytes that the stores keep, and ``t`` as Feast's own timestamp.

The order is ``(t, seq)``. Of two rows of batch (seq 0) the generation decides first: ``Batch``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from penstock.jobs.store.encoding import Cell, signed_varint, varint

#: What ``t`` and ``seq`` are for a key that the store does not hold: numpy's NaT.
ABSENT = -(1 << 63)

_SIGN = 1 << 63
_PAIR = struct.Struct(">QQ")
_BATCH = struct.Struct(">QQQQ")
_NOTHING = bytes(_PAIR.size)

#: 0002-01-01 and 9998-12-31, UTC, in seconds: a ``datetime`` holds them in every time zone.
_FEAST_MIN, _FEAST_MAX = -62_104_060_800, 253_370_678_400


def pack_clock(t: int, seq: int) -> bytes:
    """16 bytes that compare, unsigned and from the left, as ``(t, seq)`` does."""
    return _PAIR.pack(t + _SIGN, seq + _SIGN)


def pack_batch_clock(t: int, seq: int, generation: int, until: int) -> bytes:
    """As ``pack_clock``, and 16 bytes more where there is a generation: it and ``until``."""
    if not generation:
        return pack_clock(t, seq)
    return _BATCH.pack(t + _SIGN, seq + _SIGN, generation + _SIGN, until + _SIGN)


def unpack_batch_clock(clock: bytes) -> tuple[int, int, int]:
    """``t``, ``seq`` and the generation, 0 without one."""
    t, seq, generation, *_ = (*struct.unpack(f">{len(clock) // 8}Q", clock), _SIGN)
    return t - _SIGN, seq - _SIGN, generation - _SIGN


def wins(new: bytes, held: bytes) -> bool:
    """Does a row with the one packed clock take the place of a row with the other? As ``apply_row.lua`` has it."""
    t, seq, generation, until = _parts(new)
    held_t, held_seq, held_generation, held_until = _parts(held)
    if seq or held_seq or generation == held_generation:
        return (t, seq, until) > (held_t, held_seq, held_until)
    return held_t <= until if generation > held_generation else t > held_until


def _parts(clock: bytes) -> tuple[int, int, int, int]:
    """``t``, ``seq``, the generation and ``until``; of a row of the stream the last two are 0."""
    full = clock if len(clock) == _BATCH.size else clock + 2 * _PAIR.pack(_SIGN, _SIGN)[: _PAIR.size // 2]
    t, seq, generation, until = (part - _SIGN for part in _BATCH.unpack(full))
    return t, seq, generation, until


def unpack_clocks(cells: Sequence[Cell]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """``t`` and ``seq`` of each packed clock; ABSENT where there is none."""
    pairs = np.frombuffer(b"".join([(cell or _NOTHING)[: _PAIR.size] for cell in cells]), dtype=">u8").astype(np.uint64)
    signed = (pairs ^ np.uint64(_SIGN)).view(np.int64).reshape(len(cells), 2)
    return signed[:, 0].copy(), signed[:, 1].copy()


def feast_seconds(t: int) -> int:
    """``t`` in whole seconds, kept within what a ``datetime`` can hold, because Feast makes one of it."""
    return min(max(t // 1000, _FEAST_MIN), _FEAST_MAX)


def feast_timestamp(t: int) -> bytes:
    """``t`` as the bytes of a ``google.protobuf.Timestamp``."""
    seconds = feast_seconds(t)
    nanos = t % 1000 * 1_000_000
    return (b"\x08" + signed_varint(seconds) if seconds else b"") + (b"\x10" + varint(nanos) if nanos else b"")
