"""Expressions as SQL against the oracle, over files whose columns are dictionaries, and over rows that are bad."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock import coalesce, concat, literal, when
from penstock.features.compilers.duckdb.expressions import Expressions
from penstock.features.compilers.duckdb.types import SQL_TYPES
from penstock.features.expressions import INT64_MAX, INT64_MIN, Expr, operate
from penstock.features.ingest import BadEvent
from penstock.features.operators import OPERATORS
from penstock.features.oracle import evaluate
from penstock.features.types import TYPES
from penstock.jobs.batch.database import prepare
from tests.features.test_vector import ROW, as_columns, bits, names, tree

ARROW = {
    "int64": pa.int64(),
    "timestamp": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
}
i, t, x, s, b = (Expr("column", type, name=f"{type}_0") for type in ("int64", "timestamp", "float64", "string", "bool"))


@pytest.fixture(scope="module")
def db() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    prepare(made)
    return made


_numbers = count()


def computed(db: duckdb.DuckDBPyConnection, folder: Path, expr: Expr, rows: list[dict[str, Any]]) -> list[Any]:
    """The values that SQL gives; ``overflow`` where it says so."""
    columns = {name: pa.array([row[name] for row in rows], ARROW[type]) for name, type in names().items()}
    # a new name each time: DuckDB keeps what it has read of a file that was written anew within one tick of its clock
    file = folder / f"{next(_numbers)}.parquet"
    pq.write_table(pa.table(columns), file)
    expressions = Expressions()
    name = expressions.add(expr)
    source = f"(SELECT * FROM read_parquet('{file}', file_row_number = true))"
    for layer in expressions.layers:
        source = f"(SELECT *, {', '.join(f'{sql} AS {column}' for column, sql in layer)} FROM {source})"
    lost = " OR ".join(expressions.overflow(expr)) or "FALSE"
    typed = f"CAST({name} AS {SQL_TYPES[expr.type]})"
    found = db.execute(f"SELECT {lost}, {typed} FROM {source} ORDER BY file_row_number").fetchall()
    file.unlink()
    return ["overflow" if bad else value for bad, value in found]


def expected(expr: Expr, row: dict[str, Any]) -> Any:
    try:
        return evaluate(expr, row)
    except BadEvent as bad:
        return bad.code


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expr=st.sampled_from(TYPES).flatmap(lambda type: tree(type, 3)), rows=st.lists(ROW, min_size=1, max_size=6))
def test_any_expression_has_the_oracles_values_to_the_bit(
    db: duckdb.DuckDBPyConnection, tmp_path: Path, expr: Expr, rows: list[dict[str, Any]]
) -> None:
    expr = as_columns(expr)
    found = computed(db, tmp_path, expr, rows)
    assert [bits(value) for value in found] == [bits(expected(expr, row)) for row in rows]


EVERY = [
    i + i, i - i, i * i, i / i, i // i, i % i, -i, i.abs(), x.round(), x.floor(), x.ceil(), x.sqrt(), x.log(), x.exp(),
    t - t, i == i, i != i, i < i, i <= i, i > i, i >= i, b & b, b | b, ~b, i.is_null(), coalesce(i, i),
    when(b).then(i).otherwise(2), s.lower(), s.upper(), s.length(), s.contains(s), s.starts_with(s), concat(s, s),
    s.substring(i, i), s.substring(0, i), s.substring(i, 2), t.hour("America/New_York"), t.hour("Etc/GMT-14"), t.hour(),
    t.weekday("America/New_York"), t.month("America/New_York"), t.weekday(), t.month(), x.cast("int64"),
    s.cast("int64"), b.cast("int64"), t.cast("int64"), i.cast("float64"), s.cast("float64"), i.cast("string"),
    i.cast("timestamp"), literal("ab").substring(0, i), literal("ab").substring(i, 1),
]  # fmt: skip
ENDS = [INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX, None]
DOUBLES = [-1.7976931348623157e308, -(2.0**63), -1.0, 0.0, 5e-324, 2.0**63, 1.7976931348623157e308, None]


def test_every_operator_is_met_below() -> None:
    assert {node.op for expr in EVERY for node in expr.walk()} - {"column", "literal"} == set(OPERATORS)


@pytest.mark.parametrize("expr", EVERY, ids=lambda expr: f"{expr.op}-{'-'.join(arg.type for arg in expr.args)}")
def test_nothing_raises_whatever_the_rows_hold(db: duckdb.DuckDBPyConnection, tmp_path: Path, expr: Expr) -> None:
    """A time outside its years makes its row bad, but it is computed like the others: the run must go on."""
    texts = ["", "-", "9" * 40, "1e999", "\U0001f600", "a\0", "-0", None]
    ends = {"int64": ENDS, "timestamp": ENDS, "float64": DOUBLES, "bool": [True, False, None] * 3, "string": texts}
    rows = [{name: ends[type][place] for name, type in names().items()} for place in range(len(ENDS))]
    repeated = rows * 300
    found = computed(db, tmp_path, expr, repeated)
    if not expr.args or t.name not in {leaf.name for leaf in expr.leaves("column")}:
        assert [bits(value) for value in found] == [bits(expected(expr, row)) for row in repeated]


def test_a_chain_of_operators_is_written_once_each() -> None:
    expr = x
    for _ in range(60):
        expr = (expr + 1.0).round()
    expressions = Expressions()
    expressions.add(expr)
    assert len(expressions.layers) == 120
    assert sum(len(sql) for layer in expressions.layers for _, sql in layer) < 10_000


def test_a_long_chain_is_computed_in_no_time(db: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    expr = x
    for _ in range(30):
        expr = (expr + 1.0).round()
    row = dict.fromkeys(names()) | {"float64_0": 0.25}
    assert computed(db, tmp_path, expr, [row]) == [30.0]


def test_constants_alone_are_computed_too(db: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    row = dict.fromkeys(names())
    assert computed(db, tmp_path, operate("sqrt", literal(-1.0)), [row]) == [None]
    assert computed(db, tmp_path, literal("abc").substring(1, INT64_MAX), [row]) == ["bc"]
    assert computed(db, tmp_path, when(literal(False)).then(1).otherwise(None), [row]) == [None]
