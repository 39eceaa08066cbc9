"""Damage to a broker's own files, as a disk does it, while the broker is stopped."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import crc32c

#: Of a batch (format 2): up to its length; from where its checksum counts; where its records begin.
_LENGTH, _CHECKED, _RECORDS = 12, 21, 61


def spoil_batches(folder: Path, topic: str, *, partition: int = 0) -> list[tuple[int, int]]:
    """Writes nonsense over the records of every compressed batch of a partition, under a checksum that is right.

    ``folder``: the broker's. Returns the first and last offset of each.
    """
    (segment,) = folder.rglob(f"{topic}-{partition}/00000000000000000000.log")
    data = bytearray(segment.read_bytes())
    spoiled = []
    for start, end in _batches(data):
        (attributes,) = struct.unpack_from(">h", data, start + _CHECKED)
        if attributes & 7:
            data[start + _RECORDS : end] = bytes(255 for _ in range(end - start - _RECORDS))
            struct.pack_into(">I", data, start + 17, crc32c.crc32c(bytes(data[start + _CHECKED : end])))
            first, last = struct.unpack_from(">q", data, start)[0], struct.unpack_from(">i", data, start + 23)[0]
            spoiled.append((first, first + last))
    segment.write_bytes(data)
    return spoiled


def _batches(data: bytes) -> Iterator[tuple[int, int]]:
    start = 0
    while start + _LENGTH <= len(data) and any(data[start : start + _LENGTH]):
        end = start + _LENGTH + struct.unpack_from(">i", data, start + 8)[0]
        yield start, end
        start = end
