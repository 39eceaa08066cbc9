"""Predictions as a table: what each one says it was made of.

``served`` has a row for each prediction, by time and id:

    n, id, t, version, alias, part, fingerprint, requested_at, stale, ahead_ms
    asks                           the time at which the version's training asked: t, or with --before t - 1
    t_<i>, seq_<i>, key_<i>_<k>    the row that was read for input i, and column k of its key
    v_<j>                          entry j of the vector; timestamps in milliseconds
    names                          of a prediction by another definition: the entries that its vector has
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from penstock.features.compilers.duckdb.types import literal, quote, sql_type, text
from penstock.features.plan import ModelPlan, ViewPlan
from penstock.features.span import Span

#: A record's greatest size, in bytes: more than a broker takes unless it is told to.
_LARGEST = 16 << 20

_OWN = {
    "id": "VARCHAR",
    "t": "BIGINT",
    "version": "VARCHAR",
    "alias": "VARCHAR",
    "part": "VARCHAR",
    "fingerprint": "VARCHAR",
    "requested_at": "BIGINT",
    "stale": "BOOLEAN",
    "ahead_ms": "BIGINT",
}


def load_served(
    db: duckdb.DuckDBPyConnection,
    plan: ModelPlan,
    views: Mapping[str, ViewPlan],
    file: Path,
    span: Span | None = None,
    before: Sequence[str] = (),
) -> None:
    """Makes ``served`` of the model's records of a span, one JSON object a line (None: of all). Other models may answer
    into the same topic.

    ``before``: the versions that were trained with --before.
    """
    keyed = [views[item.view].key for item in plan.inputs]
    columns = [f"s.{name} AS {name}" for name in _OWN]
    names = ", ".join(literal(version, "string") for version in before) or "NULL"
    columns.append(f"s.t - CAST(coalesce(s.version IN ({names}), false) AS BIGINT) AS asks")
    for i, item in enumerate(plan.inputs):
        read = f"s.views.{quote(item.name)}"
        columns += [f"{read}.t AS t_{i}", f"{read}.seq AS seq_{i}"]
        columns += [f"{read}.key.{quote(key.name)} AS key_{i}_{k}" for k, key in enumerate(keyed[i])]
    columns += [f"s.vector.{quote(item.name)} AS v_{j}" for j, item in enumerate(plan.vector)]
    known = literal(plan.fingerprint, "string")
    columns.append(f"CASE WHEN s.fingerprint <> {known} THEN json_keys(json, '$.vector') END AS names")
    own = f"WHERE s.model = {literal(str(plan.name), 'string')}"
    own += f" AND s.t >= {span.from_ms} AND s.t < {span.to_ms}" if span else ""
    db.execute(
        f"""CREATE TABLE served AS SELECT row_number() OVER (ORDER BY s.t, s.id) - 1 AS n, {", ".join(columns)}
        FROM (SELECT json, json_transform(json, {text(json.dumps(_structure(plan, views)))}) AS s
          FROM read_ndjson_objects({text(str(file))}, maximum_object_size = {_LARGEST})) {own} ORDER BY n"""
    )


def _structure(plan: ModelPlan, views: Mapping[str, ViewPlan]) -> dict[str, Any]:
    read = {
        item.name: {
            "key": {key.name: sql_type(key.type) for key in views[item.view].key},
            "t": "BIGINT",
            "seq": "BIGINT",
        }
        for item in plan.inputs
    }
    return {
        **_OWN,
        "model": "VARCHAR",
        "views": read,
        "vector": {item.name: sql_type(item.type) for item in plan.vector},
    }
