"""Checksums of the Parquet files that we write: a bit that has changed on the disk is noticed when the file is read.

The footer's metadata has two, in one entry: that of the footer, and that of all before it. So the metadata of a file is
checked without reading its rows.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from crc32c import crc32c

from penstock.features.errors import PenstockError

_KEY, _UNKNOWN = b"penstock.checksum", b"00000000"

#: The metadata with which a file is written that gets a checksum.
PLACEHOLDER = {_KEY: b"crc32c:" + _UNKNOWN + b":" + _UNKNOWN}

#: The entry in a footer's bytes: between key and value stands the length.
_ENTRY = re.compile(re.escape(_KEY) + rb".{1,4}?crc32c:([0-9a-f]{8}):([0-9a-f]{8})", re.DOTALL)
#: What a Parquet file ends with: the length of its footer, and its kind.
_END = struct.Struct("<I4s")
#: Bytes that are read at once.
_PIECE = 4 << 20


def add_checksum(path: Path) -> None:
    """Writes the checksums into a file that was written with ``PLACEHOLDER``."""
    with path.open("r+b") as file:
        start, footer = _footer(file, path)
        entry = _entry(footer, path)
        footer[slice(*entry.span(2))] = b"%08x" % _checksum(file, start)
        footer[slice(*entry.span(1))] = b"%08x" % crc32c(footer)
        file.seek(start)
        file.write(footer)


def check_metadata(path: Path) -> None:
    """Raises PenstockError, which names the file, unless its footer is what was written."""
    with _opened(path) as file:
        _check_footer(file, path)


def check_files(paths: Iterable[Path]) -> list[Path]:
    """The same files. Raises PenstockError, which names the file, for the first that is not what was written."""
    checked = list(paths)
    for path in checked:
        with _opened(path) as file:
            start, expected = _check_footer(file, path)
            if _checksum(file, start) != expected:
                raise _damaged(path, "its rows are not what was written")
    return checked


def _opened(path: Path) -> BinaryIO:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise PenstockError(f"{path.name} is no regular file", where=str(path), hint="move it away")
    try:
        return path.open("rb")
    except OSError as error:
        raise PenstockError(f"{path.name} cannot be read: {error.strerror}", where=str(path)) from None


def _check_footer(file: BinaryIO, path: Path) -> tuple[int, int]:
    """Where the footer begins, and the checksum of what is before it."""
    start, footer = _footer(file, path)
    entry = _entry(footer, path)
    own, rows = int(entry[1], 16), int(entry[2], 16)
    footer[slice(*entry.span(1))] = _UNKNOWN
    if crc32c(footer) != own:
        raise _damaged(path, "its footer is not what was written")
    return start, rows


def _footer(file: BinaryIO, path: Path) -> tuple[int, bytearray]:
    """Where it begins, and its bytes to the file's end."""
    size = file.seek(0, os.SEEK_END)
    if size < 2 * _END.size:
        raise _damaged(path, "it is cut off")
    file.seek(size - _END.size)
    length, kind = _END.unpack(file.read(_END.size))
    start = size - _END.size - length
    if kind != b"PAR1" or start < 0:
        raise _damaged(path, "it has no Parquet footer")
    file.seek(start)
    return start, bytearray(file.read())


def _entry(footer: bytearray, path: Path) -> re.Match[bytes]:
    # a row's text may stand in the statistics, which come before the metadata
    entries = list(_ENTRY.finditer(footer))
    if not entries:
        raise _damaged(path, "it has no checksum: an earlier version wrote it, or its footer has changed")
    return entries[-1]


def _checksum(file: BinaryIO, end: int) -> int:
    """That of the bytes before ``end``."""
    file.seek(0)
    value = 0
    while end > 0 and (piece := file.read(min(end, _PIECE))):
        value = crc32c(piece, value)
        end -= len(piece)
    return value


def _damaged(path: Path, why: str) -> PenstockError:
    return PenstockError(f"{path.name} is damaged: {why}", where=str(path), hint="delete the file and make it again")
