"""Doubted rows as the stream emitted them: from which plan, after which record, and when.

``emitted_<view>`` has, for every case whose row the feature topic still holds: ``_case``, ``_fingerprint``,
``_topic``, ``_partition`` and ``_offset`` of the source record that was applied last, and ``_sent``, the row's Kafka
timestamp.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from penstock.features.canonical import canonical_json
from penstock.features.compilers.duckdb.types import quote
from penstock.features.plan import ViewPlan
from penstock.jobs.kafka.interface import Record
from penstock.jobs.kafka.reading import AHEAD_MS, CLOCKS_MS, read_records
from penstock.jobs.project.project import Project

_SCHEMA = pa.schema(
    {
        "_case": pa.int64(),
        "_fingerprint": pa.string(),
        "_topic": pa.string(),
        "_partition": pa.int64(),
        "_offset": pa.int64(),
        "_sent": pa.int64(),
    }
)


def load_emitted(db: duckdb.DuckDBPyConnection, project: Project, view: ViewPlan) -> None:
    """Makes the table. The topic is read from the first moment at which one of the rows can have been emitted."""
    cases = db.execute(f"SELECT * FROM {quote(f'cases_{view.name}')} WHERE _seq > 0").to_arrow_table().to_pylist()
    streamed = view.name in {plan.name for plan in project.streamed_views}
    rows = _find(project, view, cases) if cases and streamed else []
    db.register("rows", pa.Table.from_pylist(rows, schema=_SCHEMA))
    db.execute(f"CREATE TABLE {quote(f'emitted_{view.name}')} AS SELECT * FROM rows")
    db.unregister("rows")


def _find(project: Project, view: ViewPlan, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    wanted: dict[bytes, dict[tuple[int, int], int]] = {}
    for case in cases:
        key = canonical_json({k.name: case[k.name] for k in view.key}).encode()
        wanted.setdefault(key, {})[case["_at"], case["_seq"]] = case["_case"]
    # an event is no further ahead of its record than max_ahead, whose time may be ahead; its rows come after it
    ahead = max(source.max_ahead_ms for source in view.source.sources) + AHEAD_MS + CLOCKS_MS
    since = min(case["_at"] for case in cases) - ahead
    emitted: dict[int, dict[str, Any]] = {}
    # rows of aligned predictions are change points, and have numbers of their own
    for topic in filter(None, [project.names.features(view.name), project.change_topics.get(view.name)]):
        with closing(read_records(project, topic, since)) as records:
            for record in records:
                rows = wanted.get(record.key or b"")
                if rows is None or record.value is None:
                    continue
                row = orjson.loads(record.value)
                number = rows.get((row["t"], row["seq"]))
                if number is not None:
                    emitted.setdefault(number, _emitted(number, record))
                    if len(emitted) == len(cases):
                        break
    return list(emitted.values())


def _emitted(case: int, record: Record) -> dict[str, Any]:
    headers = {name: value.decode() for name, value in record.headers if value is not None}
    return {
        "_case": case,
        "_fingerprint": headers["fingerprint"],
        "_topic": headers["topic"],
        "_partition": int(headers["partition"]),
        "_offset": int(headers["offset"]),
        "_sent": record.timestamp,
    }
