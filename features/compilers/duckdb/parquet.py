"""Parquet files in SQL: each by its own name, and without a guess that nobody asked for."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from penstock.features.compilers.duckdb.types import text
from penstock.features.errors import UsageError

#: The columns that say where a row was read: the file, and the row's number in it, from 0.
FILE, ROW = "_penstock_file", "file_row_number"

#: Folders such as ``amount=100`` are no columns, and no file's schema is made of those of others.
_AS_WRITTEN = "hive_partitioning = false, union_by_name = false"


def parquet(files: Sequence[str | Path]) -> str:
    """The rows of files, all of one schema. Raises UsageError for a name that DuckDB cannot read."""
    return f"read_parquet({listed(files)}, {_AS_WRITTEN})"


def placed_parquet(files: Sequence[str | Path]) -> str:
    """The same, each row with ``FILE`` and ``ROW``."""
    return placed(listed(files))


def placed(names: str) -> str:
    """The rows of a list of names in SQL, which may have patterns, each row with ``FILE`` and ``ROW``."""
    return f"read_parquet({names}, {_AS_WRITTEN}, filename = {text(FILE)}, file_row_number = true)"


def listed(files: Sequence[str | Path]) -> str:
    """A list of names in SQL, for a function that takes patterns: each is a pattern for itself alone.

    Raises UsageError for a name that no pattern spells.
    """
    return f"[{', '.join(text(_literally(os.path.abspath(file))) for file in files)}]"


def _literally(path: str) -> str:
    # within a pattern DuckDB takes a backslash for the end of a folder's name
    if "\\" in path and glob.has_magic(path):
        raise UsageError(
            "a name with a backslash and one of * ? [ cannot be read", where=path, hint="rename the file or its folder"
        )
    return glob.escape(path)
