"""From a source's history to a view's events: rows read, checked, projected; bad ones marked with their reason.

The table that the query makes has the key columns and

    _e       event time in milliseconds (0 for a source without time)
    _id      the event's id, when the source has one; of a union, text that begins with the place of its stream
    _x<i>    argument i; _n<i>: the integer that is summed for it
    _w<i>    condition i, false where it is null
    _error   why the row is bad (one of ``penstock.features.ingest.CODES``), or null
    _out     left out by the view's filter
    _op, _gone    where events change: what the row does to its event, and whether the event is not in the view then;
             a row that is left out is then _gone, and _out only where its key has a null
    _source       of a union, the stream that the row is from
    _file, _row   where the row was read
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from penstock.features.compilers.duckdb.expressions import Expressions
from penstock.features.compilers.duckdb.located import located, names
from penstock.features.compilers.duckdb.parquet import FILE, ROW
from penstock.features.compilers.duckdb.types import FileColumn, ReadColumn, quote, read_column, text
from penstock.features.dimensions import dimensions
from penstock.features.errors import UsageError, did_you_mean
from penstock.features.ingest import OPS
from penstock.features.plan import ArgPlan, ColumnPlan, SourcePlan, UnionPlan, ViewPlan
from penstock.features.records.casts import PLAIN
from penstock.features.row_size import holds_text
from penstock.features.span import Span

#: The greatest integer that a scaled float64 may become, exclusive (section 3 of the semantics).
LIMIT = 2**53


@dataclass(frozen=True)
class Files:
    """Files of one schema. ``rows``: a table function call that gives their columns, ``FILE`` and ``ROW``; ``columns``:
    by the names that the files give them; ``where`` names the files in errors. ``bad``: of rows that are read already,
    as the source's own columns, the column that says why a row is bad.
    """

    rows: str
    columns: Mapping[str, FileColumn]
    where: str
    bad: str | None = None


#: The code of a value that does not fit, but for those of casts.
OUT_OF_RANGE = "out of range"

#: The files of a source, by their schemas.
History = Sequence[Files]


def events_query(plan: ViewPlan, histories: Sequence[History], span: Span | None) -> str:
    """The query for the events with ``span.from_ms <= time < span.to_ms``; None: all.

    ``histories``: those of the plan's sources, in their order. Rows without a good time are given whatever the span.
    Raises UsageError for a column that is missing or of an unlike type.
    """
    sources = enumerate(zip(plan.source.sources, histories, strict=True))
    queries = [_source_events(plan, place, source, history, span) for place, (source, history) in sources]
    return "\nUNION ALL\n".join(f"({query})" for query in queries) if len(queries) > 1 else queries[0]


def _source_events(plan: ViewPlan, place: int, source: SourcePlan, history: History, span: Span | None) -> str:
    expressions = Expressions()
    view = _view_columns(plan, place, source, expressions)
    parts = [
        f"WITH read AS (\n  {_read(source, history)}\n)",
        f"checked AS (\n  SELECT *, {_source_error(source, history)} AS _bad FROM read{_during(source, span)}\n)",
    ]
    table = "checked"
    for depth, layer in enumerate(expressions.layers):
        columns = ",\n    ".join(f"{sql} AS {name}" for name, sql in layer)
        parts.append(f"evaluated{depth or ''} AS (\n  SELECT *,\n    {columns}\n  FROM {table}\n)")
        table = f"evaluated{depth or ''}"
    columns = ",\n  ".join(f"{sql} AS {name}" for name, sql in view.items())
    return ",\n".join(parts) + f"\nSELECT\n  {columns}\nFROM {table}"


def source_query(source: SourcePlan, history: History, span: Span | None) -> str:
    """The query for a source's rows as they are read: its columns, ``_file``, ``_row``, and in ``_bad`` why it is bad.

    ``span`` and errors are those of ``events_query``.
    """
    error, rows = _source_error(source, history), _read(source, history)
    return f"SELECT *, {error} AS _bad FROM (\n  {rows}\n){_during(source, span)}"


def _read(source: SourcePlan, history: History) -> str:
    coded = _coded(source, history)
    return "\n  UNION ALL\n  ".join(_read_files(source, files, coded) for files in history)


def _read_files(source: SourcePlan, files: Files, coded: bool) -> str:
    columns_of = source if files.bad is None else source.as_typed()
    read = {column.name: _read_column(column, files) for column in columns_of.columns}
    lost = [f"({way.lost})" for way in read.values() if way.lost]
    lost += [] if files.bad is None else [f"{files.bad} IS NOT NULL"]
    columns = [f"{way.sql} AS {quote(name)}" for name, way in read.items()]
    columns += [f"{' OR '.join(lost) or 'FALSE'} AS _lost", f"{FILE} AS _file", f"{ROW} AS _row"]
    if coded:
        columns.append(f"{_code(read.values()) if files.bad is None else files.bad} AS _unfit")
    # the alias keeps a column's own name from being taken for what is made of it
    return "SELECT " + ",\n    ".join(columns) + f"\n  FROM {files.rows} AS history"


def _code(ways: Iterable[ReadColumn]) -> str:
    """Of a row that has several flaws that of the first column is told."""
    cases = [f"WHEN {way.lost} THEN {way.code or text(OUT_OF_RANGE)}" for way in ways if way.lost]
    return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS VARCHAR)"


def _coded(source: SourcePlan, history: History) -> bool:
    """Can a value that does not fit be anything but out of range?"""
    more = any(column.cast != PLAIN or dimensions(column.type) is not None for column in source.columns)
    return more or any(files.bad is not None for files in history)


def _read_column(column: ColumnPlan, files: Files) -> ReadColumn:
    found = located(column, files.columns, files.where)
    if found is None:
        raise UsageError(
            f"the file has no column {names(column)!r}",
            where=files.where,
            allowed=f"{column.type}; a file that knows none of its values has nulls",
            hint=did_you_mean(column.name, files.columns),
        )
    return read_column(column, found, files.where)


def _source_error(source: SourcePlan, history: History) -> str:
    cases = [f"WHEN _lost THEN {'_unfit' if _coded(source, history) else text(OUT_OF_RANGE)}"]
    if source.time is not None:
        cases.append(f"WHEN {quote(source.time)} IS NULL THEN 'missing time'")
    required = [quote(c.name) for c in source.columns if not c.nullable and c.name != source.time]
    if required:
        cases.append(f"WHEN {' OR '.join(f'{name} IS NULL' for name in required)} THEN 'missing value'")
    if source.op is not None:
        op = quote(source.op)
        cases.append(f"WHEN {op} NOT IN ({', '.join(map(text, OPS))}) THEN 'wrong type'")
        cases.append(f"WHEN {op} IN ('update', 'delete') AND {quote(source.id_column)} IS NULL THEN 'missing value'")
    return f"CASE {' '.join(cases)} END"


def _during(source: SourcePlan, span: Span | None) -> str:
    if source.time is None or span is None:
        return ""
    time = quote(source.time)
    return f"\n  WHERE _lost OR {time} IS NULL OR ({time} >= {span.from_ms} AND {time} < {span.to_ms})"


def _view_columns(plan: ViewPlan, place: int, source: SourcePlan, expressions: Expressions) -> dict[str, str]:
    kept = expressions.add(plan.filter) if plan.filter is not None else None
    columns = {quote(key.name): quote(key.name) for key in plan.key}
    columns["_e"] = quote(source.time) if source.time is not None else "0::BIGINT"
    if plan.source.named:
        columns["_id"] = _id(plan, place, source)
    scaled, values = [], []
    for i, arg in enumerate(plan.args):
        columns[f"_x{i}"] = value = expressions.add(arg.expr)
        values.append(value)
        if arg.places is not None:
            columns[f"_n{i}"] = _scaled(arg, value)
            scaled += [_beyond(arg, value)] if arg.type == "float64" else []
    for i, where in enumerate(plan.wheres):
        columns[f"_w{i}"] = f"coalesce({expressions.add(where)}, FALSE)"
    columns["_error"] = _error(plan, source, expressions, kept, scaled, values)
    columns["_out"] = out = f"NOT coalesce({kept}, FALSE)" if kept is not None else "FALSE"
    if source.op is not None:
        columns["_op"] = f"coalesce({quote(source.op)}, 'insert')"
        columns["_gone"] = f"({out} OR {_deletes(source)})"
        columns["_out"] = f"({out} AND NOT {_deletes(source)} AND ({' OR '.join([_keyless(plan), *_long_key(plan)])}))"
    elif plan.source.changes:
        columns |= {"_op": "'insert'", "_gone": "FALSE"}
    if isinstance(plan.source, UnionPlan):
        columns["_source"] = text(source.name)
    return {**columns, "_file": "_file", "_row": "_row"}


def _id(plan: ViewPlan, place: int, source: SourcePlan) -> str:
    if source is plan.source:
        return quote(source.id_column)
    return "CAST(NULL AS VARCHAR)" if source.id is None else f"'{place}:' || CAST({quote(source.id)} AS VARCHAR)"


def _deletes(source: SourcePlan) -> str:
    return f"coalesce({quote(source.op_column)} = 'delete', FALSE)"


def _keyless(plan: ViewPlan) -> str:
    return " OR ".join(f"{quote(key.name)} IS NULL" for key in plan.key)


def _error(
    plan: ViewPlan,
    source: SourcePlan,
    expressions: Expressions,
    kept: str | None,
    scaled: list[str],
    values: list[str],
) -> str:
    """The first reason that applies, in the order in which the stream checks. ``values``: of the arguments."""
    evaluated = [*(arg.expr for arg in plan.args), *plan.wheres]
    lost = list(dict.fromkeys(condition for expr in evaluated for condition in expressions.overflow(expr)))
    cases = ["WHEN _bad IS NOT NULL THEN _bad"]
    if source.op is not None:
        cases.append(f"WHEN {_deletes(source)} THEN CASE {' '.join(_key_error(plan))} END")
    if plan.filter is not None:
        filter_lost = expressions.overflow(plan.filter)
        cases += [f"WHEN {' OR '.join(filter_lost)} THEN 'overflow'"] if filter_lost else []
        cases.append(f"WHEN NOT coalesce({kept}, FALSE) THEN NULL")
    cases += _key_error(plan)
    cases += [f"WHEN {' OR '.join(lost)} THEN 'overflow'"] if lost else []
    cases += [f"WHEN {' OR '.join(scaled)} THEN 'out of range'"] if scaled else []
    long = [_longer(plan, values[i]) for i in plan.text_args]
    cases += [f"WHEN {' OR '.join(long)} THEN 'too long'"] if long else []
    return "CASE " + "\n    ".join(cases) + " END"


def _key_error(plan: ViewPlan) -> list[str]:
    long = _long_key(plan)
    too_long = [f"WHEN {' OR '.join(long)} THEN 'too long'"] if long else []
    return [f"WHEN {_keyless(plan)} THEN 'missing key'", *too_long]


def _long_key(plan: ViewPlan) -> list[str]:
    return [_longer(plan, quote(key.name)) for key in plan.key if holds_text(key.type)]


def _longer(plan: ViewPlan, value: str) -> str:
    return f"strlen({value}) > {plan.text_limit}"


def _product(arg: ArgPlan, value: str) -> str:
    return f"{value} * '1e{arg.places}'::DOUBLE"


def _beyond(arg: ArgPlan, value: str) -> str:
    return f"NOT abs(rint({_product(arg, value)})) < {LIMIT}"


def _scaled(arg: ArgPlan, value: str) -> str:
    if arg.type == "int64":
        return value
    # TRY: what does not fit is a bad row, marked by _error
    return f"TRY_CAST(rint({_product(arg, value)}) AS BIGINT)"
