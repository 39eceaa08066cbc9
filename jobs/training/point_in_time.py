"""The point-in-time join in DuckDB: requests, the features that held at each one's time, labels; in tables by number.

``requests``   n (0, 1, … by time, id, place in the files), id, t, the columns that are read as c_<name>
``labels``     n, the columns of the label as l_<name>; ``came``: is there an event to read them from?
             and with maturity= ``matured``: could its event have come? Of a Future: ``penstock.jobs.training.future``
``input_<i>``  n, point (the time of the key's row, null: it had none), the features of input i as f_<name>
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from penstock.features.compilers.duckdb.types import quote
from penstock.features.errors import UsageError
from penstock.features.plan import InputPlan, LabelPlan, ModelPlan, SourcePlan, ViewPlan
from penstock.features.span import Span
from penstock.features.vector import leaf_names
from penstock.jobs.batch.as_of import as_of, f_column
from penstock.jobs.batch.database import one_row
from penstock.jobs.batch.history import source_rows
from penstock.jobs.batch.parts import part_rows
from penstock.jobs.project.project import Project


def load_requests(db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan, span: Span) -> tuple[int, int]:
    """Makes ``requests`` of the rows in a range. Returns how many were repeats (of time and id) and how many bad."""
    source, time = plan.on, quote(plan.on.time_column)
    id = quote(source.id) if source.id else "CAST(NULL AS VARCHAR)"
    columns = "".join(f", {quote(name)} AS {column(name)}" for name in read_columns(plan))
    db.execute(f"CREATE TABLE read AS {source_rows(db, project, source, span)}")
    db.execute(
        f"""CREATE TABLE requests AS
        SELECT row_number() OVER (ORDER BY t, id, _file, _row) - 1 AS n, * EXCLUDE (_file, _row)
        FROM (SELECT {id} AS id, {time} AS t, _file, _row{columns} FROM read WHERE _bad IS NULL
          QUALIFY {id} IS NULL OR row_number() OVER (PARTITION BY {time}, {id} ORDER BY _file, _row) = 1)
        ORDER BY n"""
    )
    read, dead = one_row(db, "SELECT count(*), count(_bad) FROM read")
    db.execute("DROP TABLE read")
    return read - dead - one_row(db, "SELECT count(*) FROM requests")[0], dead


def load_labels(db: duckdb.DuckDBPyConnection, project: Project, plan: ModelPlan) -> None:
    """Makes ``labels``: the label's columns of the newest row with the request's id, null without one.

    With a maturity, of the newest row that comes not before the request and at most so long after it.
    """
    label = plan.label
    if label is None:
        db.execute("CREATE TABLE labels AS SELECT n, FALSE AS came FROM requests")
        return
    if label.source == plan.on.name:
        own = ", ".join(f"{column(name)} AS {label_column(name)}" for name in label_names(label))
        db.execute(f"CREATE TABLE labels AS SELECT n, TRUE AS came, {own} FROM requests")
        return
    source = project.streams[label.source].source_plan
    _check_ids(plan, source)
    columns = "".join(f", {quote(name)} AS {label_column(name)}" for name in label_names(label))
    db.execute(
        f"""CREATE TABLE outcomes AS
        SELECT {quote(source.id_column)} AS id, {quote(source.time_column)} AS _t, _file, _row{columns}
        FROM ({source_rows(db, project, source)}) WHERE _bad IS NULL"""
    )
    newest = "ORDER BY _t DESC, _file DESC, _row DESC"
    given = ", ".join(label_column(name) for name in label_names(label))
    if label.maturity_ms is None:
        db.execute(
            f"""CREATE TABLE labels AS SELECT n, _t IS NOT NULL AS came, {given} FROM requests LEFT JOIN (
            SELECT * FROM outcomes WHERE id IS NOT NULL
            QUALIFY row_number() OVER (PARTITION BY id {newest}) = 1) USING (id)"""
        )
    else:
        db.execute(
            f"""CREATE TABLE labels AS SELECT n, _t IS NOT NULL AS came, {given},
            coalesce(r.t + {label.maturity_ms} <= (SELECT max(_t) FROM outcomes), FALSE) AS matured
            FROM requests AS r LEFT JOIN outcomes AS o
            ON o.id = r.id AND o._t >= r.t AND o._t <= r.t + {label.maturity_ms}
            QUALIFY row_number() OVER (PARTITION BY n {newest}) = 1"""
        )
    db.execute("DROP TABLE outcomes")


def label_names(label: LabelPlan) -> list[str]:
    """The columns that a label is made of."""
    return [str(leaf.name) for leaf in label.leaves]


def label_column(name: str) -> str:
    """A column of the label in ``labels``, quoted."""
    return quote(f"l_{name}")


def join_input(
    db: duckdb.DuckDBPyConnection, plan: ModelPlan, number: int, view: ViewPlan, folder: Path, *, before: bool
) -> int:
    """Makes ``input_<number>``: of each request's key the change point with the greatest ``t`` up to its time.

    ``before``: earlier than its time. Returns how many requests found none and have the values over nothing.
    """
    item = plan.inputs[number]
    features = used_features(plan, item)
    asking = dict(item.key)
    # what holds for all time is held at every time
    at = f"{2**62}" if view.static else "t - 1" if before else "t"
    asked = f"SELECT *, {at} AS _at FROM requests"
    keys = [column(asking[key.name]) for key in view.key]
    found = as_of(view, features, part_rows(folder), asked, keys, "n")
    db.execute(f"CREATE TABLE input_{number} AS {found} ORDER BY n")
    return int(one_row(db, f"SELECT count(*) FILTER (point IS NULL) FROM input_{number}")[0])


def joined_rows(db: duckdb.DuckDBPyConnection, plan: ModelPlan, start: int, end: int) -> pa.Table:
    """The rows with ``start <= n < end``, in order: id, t, c_<column>…, l_<column>…, <input>.<feature>…"""
    features = [
        f"input_{number}.{f_column(name)} AS {quote(f'{item.name}.{name}')}"
        for number, item in enumerate(plan.inputs)
        for name in used_features(plan, item)
    ]
    tables = ["labels", *(f"input_{number}" for number in range(len(plan.inputs)))]
    joins = " ".join(f"JOIN {table} ON {table}.n = r.n" for table in tables)
    return db.execute(
        f"""SELECT {", ".join(["r.* EXCLUDE (n)", "labels.* EXCLUDE (n)", *features])} FROM requests AS r {joins}
        WHERE r.n >= {start} AND r.n < {end} ORDER BY r.n"""
    ).to_arrow_table()


def used_features(plan: ModelPlan, item: InputPlan) -> list[str]:
    """The features of an input that the vector rests on."""
    names = (name.split(".", 1) for name in leaf_names(plan, "feature"))
    return [feature for owner, feature in names if owner == item.name]


def column(name: str) -> str:
    """A request column in ``requests``, quoted."""
    return quote(f"c_{name}")


def read_columns(plan: ModelPlan) -> list[str]:
    """The vector's columns, the keys', and the label where it is the request's own."""
    own = label_names(plan.label) if plan.label is not None and plan.label.source == plan.on.name else []
    keys = [asked for item in plan.inputs for _, asked in item.key]
    keys += [asked for _, asked in plan.label.key] if plan.label is not None else []
    return list(dict.fromkeys([*leaf_names(plan, "column"), *keys, *own]))


def _check_ids(plan: ModelPlan, source: SourcePlan) -> None:
    asked, found = (s.column(s.id_column).type for s in (plan.on, source))
    if asked != found:
        raise UsageError(
            f"the label of {plan.name} cannot be joined: {plan.on.name} has an id of {asked}, {source.name} of {found}",
            where=plan.name,
            allowed="ids of one type",
        )
