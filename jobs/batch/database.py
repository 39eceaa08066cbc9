"""DuckDB for one run: its limits, its macros, and what it raises as one sentence."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from duckdb.func import ARROW, SPECIAL
from duckdb.sqltypes import BOOLEAN, DOUBLE, VARCHAR, DuckDBPyType

from penstock.features.compilers.duckdb.form_functions import FORM_FUNCTIONS
from penstock.features.compilers.duckdb.own_functions import OWN_FUNCTIONS
from penstock.features.compilers.duckdb.types import MACROS
from penstock.features.errors import PenstockError, UsageError


@contextmanager
def scratch_database(folder: Path, memory: str, *, share: float = 1.0) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database for one run: what memory does not hold is written into a new folder below ``folder``.

    ``share`` of ``memory`` is DuckDB's; the rest is for what is computed beside it. Raises UsageError for a ``memory``
    that is none.
    """
    with tempfile.TemporaryDirectory(prefix=".work-", dir=folder) as work:
        try:
            db = duckdb.connect(":memory:", config={"memory_limit": memory, "temp_directory": f"{work}/spill"})
        except duckdb.Error as error:
            raise UsageError(f"memory {memory!r}: {error}", where="[batch] memory", allowed="such as '2GB'") from None
        with db:
            db.execute(f"SET memory_limit = '{int(memory_limit(db) * share)}B'")
            prepare(db)
            yield db


def prepare(db: duckdb.DuckDBPyConnection) -> None:
    """Gives a database what compiled SQL relies on."""
    db.execute("SET TimeZone = 'UTC'")
    for macro in MACROS:
        db.execute(macro)
    for name, function in OWN_FUNCTIONS.items():
        db.create_function(name, function, [DOUBLE], DOUBLE, type=ARROW, null_handling=SPECIAL)
    for name, (read, type) in FORM_FUNCTIONS.items():
        result = DuckDBPyType(type)
        db.create_function(name, read, [VARCHAR, BOOLEAN, VARCHAR], result, type=ARROW, null_handling=SPECIAL)


def memory_limit(db: duckdb.DuckDBPyConnection) -> int:
    """Bytes that DuckDB may take."""
    return int(one_row(db, "SELECT parse_formatted_bytes(current_setting('memory_limit'))")[0])


def one_row(db: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """The only row of a query."""
    row = db.execute(sql).fetchone()
    assert row is not None
    return row


@contextmanager
def explained(what: str, where: str | None = None) -> Iterator[None]:
    """Turns what DuckDB and the disk raise into one message about ``what``."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise PenstockError(
            f"{what} needs more memory than it may have: {error}",
            where="[batch] memory",
            hint="give it more, or let it write to a larger disk",
        ) from None
    except duckdb.Error as error:
        raise PenstockError(f"{what} cannot be computed: {error}", where=where) from None
    except OSError as error:
        raise PenstockError(f"{what} cannot be written: {error}", where=str(error.filename or where)) from None
