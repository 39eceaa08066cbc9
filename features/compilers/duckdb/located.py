"""Where a source's columns stand in a file: under their own names, or by a path into structs, lists and maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from penstock.features.compilers.duckdb.types import FileColumn, quote, text
from penstock.features.errors import UsageError
from penstock.features.plan import ColumnPlan
from penstock.features.records.origin import Fields
from penstock.features.records.path import Path, Step, path_text

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType


def located(column: ColumnPlan, columns: Mapping[str, FileColumn], where: str) -> FileColumn | None:
    """The file's column for a source's; None where the file has none.

    That is the one at its ``history_name``; without it the one of its own name, or the one at its path. Raises
    UsageError for a file that has both.
    """
    paths = _paths(column)
    there = [at for at in (_at(path, columns) for path in paths) if at is not None]
    if len(there) > 1 and there[0].sql != there[1].sql:
        raise UsageError(
            f"the file has {path_text(paths[0])} and {path_text(paths[1])}, and {column.name} may be either",
            where=where,
            allowed="one of them",
            hint=f"say which: history_name='{column.name}'",
        )
    return there[0] if there else None


def _paths(column: ColumnPlan) -> list[Path]:
    if column.history_path is not None:
        return [column.history_path]
    own: Path = (column.name,)
    origin = column.stands
    paths = [own, *origin.paths] if isinstance(origin, Fields) else [own]
    return list(dict.fromkeys(paths))


def names(column: ColumnPlan) -> str:
    """Where it is looked for, for a message."""
    return " or ".join(map(path_text, _paths(column)))


def _at(path: Path, columns: Mapping[str, FileColumn]) -> FileColumn | None:
    first, *steps = path
    if first in columns:
        found = columns[str(first)]
    elif path_text(path) in columns:
        # a file without nesting has its paths as names
        found, steps = columns[path_text(path)], []
    else:
        return None
    if not steps:
        return found
    from duckdb.sqltypes import DuckDBPyType  # whoever only writes SQL has no need of the engine

    sql, type = quote(found.name), DuckDBPyType(found.type)
    for step in steps:
        inner = _inner(type, step)
        if inner is None:
            return None
        sql, type = _step(sql, type, step), inner
    return FileColumn(found.name, str(type), sql=sql)


def _inner(type: DuckDBPyType, step: Step) -> DuckDBPyType | None:
    if type.id not in ("struct", "map", "list"):
        return None
    # a type has other children than types: sizes, the words of an enum
    inner = {name: each for name, each in type.children if not isinstance(each, (int, list))}
    if type.id == "struct":
        return inner.get(step) if isinstance(step, str) else None
    if type.id == "map":
        return inner["value"] if isinstance(step, str) and inner["key"].id == "varchar" else None
    return inner["child"] if isinstance(step, int) else None


def _step(sql: str, type: DuckDBPyType, step: Step) -> str:
    if isinstance(step, int):
        return f"({sql})[{step + 1}]"
    return f"({sql})[{text(step)}]" if type.id == "map" else f"struct_extract({sql}, {text(step)})"
