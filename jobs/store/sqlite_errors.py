"""Which of SQLite's errors pass by themselves, and what is to be done about each."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple


class Cause(NamedTuple):
    """``codes``: SQLite's primary result codes."""

    codes: tuple[int, ...]
    passes: bool
    hint: str


_BUSY = Cause((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL), True, "another process is writing")
_FULL = Cause((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR), True, "is its disk full, or does it fail?")
_READONLY = Cause(
    (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM),
    False,
    "can this user write the file and its folder, and is the file still in its place?",
)
_DAMAGED = Cause((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB), False, "the file is damaged, or no SQLite database")
_OTHER = Cause((), False, "was 'feast apply' run, and did this version write it?")

#: What fits none of them does not pass.
CAUSES = (_BUSY, _FULL, _READONLY, _DAMAGED)


def cause_of(error: Exception) -> Cause:
    """The row of the table for an error; that of an OSError, which the file's folder has, is the one of a file."""
    if isinstance(error, OSError):
        return _READONLY
    # extended codes have the primary one in their lowest byte; what sqlite3 itself refuses has none
    code = getattr(error, "sqlite_errorcode", -1) & 0xFF
    return next((cause for cause in CAUSES if code in cause.codes), _OTHER)
