"""What each engine makes of a source's events: rows, classes counted, and bad events with their reasons."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from penstock.features import oracle
from penstock.features.compilers.flink.driver import Event, HarnessDriver, Item, Restore, ViewResult, Watermark
from penstock.features.dimensions import kept_as
from penstock.features.ingest import CLASSES, TIME_MIN, BadEvent, Row
from penstock.features.plan import SOURCE, SourcePlan, UnionPlan, ViewPlan
from penstock.jobs.batch.backfill import REJECTS, backfill
from penstock.jobs.batch.parts import ARROW_TYPES, FEAST_COLUMNS, PLAIN_TYPES, ViewParts, part_schema, stored
from penstock.jobs.parity.events import Arrival, key_of

#: By the type in parts: its name, and how its values come.
_IN_MILLISECONDS = {
    ARROW_TYPES["timestamp"]: ("timestamp", pa.int64()),
    ARROW_TYPES["list<timestamp>"]: ("list<timestamp>", pa.list_(pa.int64())),
}

#: The engines that can be compared. Batch engines give all change points, the stream engine the rows that it emits.
ENGINES = ("oracle", "duckdb", "flink")

#: Later than every change point, so that all of them are due.
END = 2**60

_MEMORY = "1GB"


@dataclass(frozen=True)
class Answer:
    """An engine's answer for one view.

    ``rows``: key columns, ``t``, for the stream ``seq``, features; batch rows are sorted by key and time, stream rows
    of each key are in order. ``dead``: (index of the event, reason) in order. ``of_sources``: the counts of each stream
    of a union that has events.
    """

    rows: pa.Table
    counts: dict[str, int]
    dead: list[tuple[int, str]]
    of_sources: dict[str, dict[str, int]] = field(default_factory=dict)


#: What an engine makes of a source's events in their order of arrival, by name of the source's views.
Engine = Callable[[Sequence[ViewPlan], Sequence[Arrival]], dict[str, Answer]]


@contextmanager
def running(names: Sequence[str]) -> Iterator[dict[str, Engine]]:
    """The engines of these names; the JVM runs until the end of the block."""
    with ExitStack() as stack:
        engines: dict[str, Engine] = {
            "oracle": lambda plans, came: {plan.name: oracle_batch(plan, came) for plan in plans},
            "duckdb": lambda plans, came: {plan.name: duckdb_batch(plan, came) for plan in plans},
        }
        if "flink" in names:
            driver = stack.enter_context(HarnessDriver())
            engines["flink"] = lambda plans, came: flink_stream(driver, plans, stream_items(came))
        yield {name: engines[name] for name in names}


def oracle_batch(plan: ViewPlan, arrivals: Sequence[Arrival]) -> Answer:
    """The meaning: all change points."""
    return _of_oracle(plan, oracle.batch(plan, [_input(arrival) for arrival in arrivals]), arrivals, seq=False)


def oracle_stream(plan: ViewPlan, arrivals: Sequence[Arrival], items: Sequence[Arrival | Watermark]) -> Answer:
    """The meaning: the rows that a stream must emit for these events and watermarks."""
    return _of_oracle(plan, oracle.stream(plan, _stream_inputs(items)), items, seq=True)


def oracle_stream_by_key(plan: ViewPlan, items: Sequence[Arrival | Watermark]) -> Answer:
    """What ``oracle_stream`` gives, sooner: a key at a time, because keys know nothing of each other."""
    whole, places = oracle.Result(), list[Arrival | Watermark]()
    for part in _by_key(plan, items):
        result = oracle.stream(plan, _stream_inputs(part))
        whole.rows += result.rows
        whole.dead += [(len(places) + i, bad) for i, bad in result.dead]
        _add(whole.counts, result.counts)
        for name, counts in result.of_sources.items():
            _add(whole.of_sources.setdefault(name, oracle.Counts()), counts)
        places += part
    return _of_oracle(plan, whole, places, seq=True)


def _add(whole: oracle.Counts, part: oracle.Counts) -> None:
    for name in CLASSES:
        setattr(whole, name, getattr(whole, name) + getattr(part, name))


def _by_key(plan: ViewPlan, items: Sequence[Arrival | Watermark]) -> list[list[Arrival | Watermark]]:
    """Each key's events, with the last watermark before each: what an earlier one makes due, that one does, too."""
    parts: dict[oracle.Key | None, list[Arrival | Watermark]] = {}
    told: dict[oracle.Key | None, Watermark | None] = {}
    reached: Watermark | None = None
    for item in items:
        if isinstance(item, Watermark):
            reached = item
            continue
        key = key_of(plan, item)
        part = parts.setdefault(key, [])
        part += [reached] if reached is not told.get(key) and reached is not None else []
        part.append(item)
        told[key] = reached
    ends: list[Arrival | Watermark] = [reached] if reached is not None else []
    return [part + ends for part in parts.values()]


def _stream_inputs(items: Sequence[Arrival | Watermark]) -> list[Row | BadEvent | oracle.Watermark]:
    return [oracle.Watermark(item.time) if isinstance(item, Watermark) else _input(item) for item in items]


def _input(arrival: Arrival) -> Row | BadEvent:
    if arrival.bad is not None:
        return arrival.bad
    assert arrival.row is not None
    return {**arrival.row, SOURCE: arrival.source.name}


def _of_oracle(plan: ViewPlan, result: oracle.Result, places: Sequence[Any], *, seq: bool) -> Answer:
    rows = [(*key, t, *([n] if seq else []), *values) for key, t, n, values in result.rows]
    dead = [(places[i].index, bad.code) for i, bad in result.dead]
    of_sources = {name: asdict(counts) for name, counts in result.of_sources.items()}
    return Answer(_table(plan, rows, seq=seq), asdict(result.counts), dead, of_sources)


def duckdb_batch(plan: ViewPlan, arrivals: Sequence[Arrival]) -> Answer:
    """The backfill, on the events as history files. What is no record at all cannot stand in a file."""
    readable = {
        source.name: [a for a in arrivals if a.row is not None and a.source == source] for source in plan.source.sources
    }
    unreadable = [a for a in arrivals if a.row is None]
    with tempfile.TemporaryDirectory(prefix="penstock-parity-") as name:
        folder = Path(name)
        files = {source.name: str(folder / f"{source.name}.parquet") for source in plan.source.sources}
        for source in plan.source.sources:
            pq.write_table(history(source, readable[source.name]), files[source.name])
        report = backfill(plan.as_typed(), files, TIME_MIN, END, folder, memory=_MEMORY)
        parts = [part.path for part in ViewParts(folder / plan.name, plan.as_typed()).all()]
        rows = pa.concat_tables(pq.read_table(part) for part in parts).drop_columns(list(FEAST_COLUMNS))
        dead = _rejects(folder / plan.name / REJECTS, readable)
    for each in unreadable:
        for counts in [report.counts, *([report.of_sources[each.source.name]] if report.of_sources else [])]:
            counts["dead"] += 1
    dead += [(each.index, each.bad.code) for each in unreadable if each.bad is not None]
    of_sources = {name: counts for name, counts in report.of_sources.items() if any(counts.values())}
    return Answer(rows.replace_schema_metadata(None), report.counts, sorted(dead), of_sources)


def history(source: SourcePlan, arrivals: Sequence[Arrival]) -> pa.Table:
    """The readable events as a history file has them."""
    # a timestamp may be out of range, which Arrow's own type could not hold
    columns = {c.name: [a.row[c.name] for a in arrivals if a.row is not None] for c in source.columns}
    return pa.table({c.name: pa.array(columns[c.name], PLAIN_TYPES[kept_as(c.type)]) for c in source.columns})


def _rejects(file: Path, arrivals: Mapping[str, Sequence[Arrival]]) -> list[tuple[int, str]]:
    if not file.exists():
        return []
    rejects = map(json.loads, file.read_bytes().split(b"\n")[:-1])
    return [(arrivals[reject["source"]][reject["row"]].index, reject["error"]) for reject in rejects]


def stream_items(arrivals: Sequence[Arrival]) -> list[Arrival | Watermark]:
    """Events in order of arrival, each followed by the watermark that it brings, and at the end all of time.

    Of several sources the one that is the furthest behind holds time back, unless it has no event at all.
    """
    items: list[Arrival | Watermark] = []
    reached: dict[str, int | None] = {a.source.name: None for a in arrivals if a.time is not None}
    told = None
    for arrival in arrivals:
        items.append(arrival)
        if arrival.time is None:
            continue
        mark, before = arrival.time - arrival.source.disorder_ms - 1, reached[arrival.source.name]
        reached[arrival.source.name] = mark if before is None else max(before, mark)
        marks = [mark for mark in reached.values() if mark is not None]
        if len(marks) == len(reached) and (told is None or min(marks) > told):
            told = min(marks)
            items.append(Watermark(told))
    return [*items, Watermark(END)]


def flink_stream(
    driver: HarnessDriver,
    plans: Sequence[ViewPlan],
    items: Sequence[Arrival | Watermark | Restore],
    *,
    backend: str = "heap",
) -> dict[str, Answer]:
    """The Flink job's own operators, from raw bytes to rows, for all views of one source or union."""
    sent: list[Item] = [_sent(item) if isinstance(item, Arrival) else item for item in items]
    layouts = {str(source.name): source.layout for source in plans[0].source.sources}
    result = driver.run([plan.json for plan in plans], sent, backend=backend, layouts=layouts)
    answers = {}
    for plan in plans:
        view = result.views[plan.name]
        dead = [(items[d.index], d.error) for d in result.dead if d.view in (None, plan.name)]
        places = [(item.index, error) for item, error in dead if isinstance(item, Arrival)]
        rows = emitted_table(plan, view)
        if isinstance(plan.source, UnionPlan):
            of_sources = {name: _classes(counts) for name, counts in view.of_sources.items() if counts["in"]}
        else:
            of_sources = {}
        answers[plan.name] = Answer(rows, _classes(view.counts), places, of_sources)
    return answers


def _sent(arrival: Arrival) -> Event:
    record = arrival.record
    return Event(record.value, record.timestamp, arrival.source.name, record.key, record.headers)


def _classes(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in CLASSES}


def emitted_table(plan: ViewPlan, view: ViewResult) -> pa.Table:
    """The rows that the Flink job's operators have emitted."""
    return _table(plan, _emitted(plan, view), seq=True)


def rows_table(plan: ViewPlan, result: oracle.Result) -> pa.Table:
    """The rows that the oracle's stream has emitted."""
    return _table(plan, [(*key, t, n, *values) for key, t, n, values in result.rows], seq=True)


def _emitted(plan: ViewPlan, view: ViewResult) -> list[tuple[Any, ...]]:
    rows = []
    for emitted in view.rows:
        row = orjson.loads(emitted.value)
        key = [row["key"][k.name] for k in plan.key]
        rows.append((*key, row["t"], row["seq"], *(row["values"][f.name] for f in plan.features)))
    return rows


def _table(plan: ViewPlan, rows: Sequence[tuple[Any, ...]], *, seq: bool) -> pa.Table:
    schema = pa.schema([field for field in part_schema(plan) if field.name not in FEAST_COLUMNS])
    if seq:
        schema = schema.insert(schema.get_field_index("t") + 1, pa.field("seq", pa.int64()))
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    table = pa.table([_array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema)
    order = [(name, "ascending") for name in (*(k.name for k in plan.key), *(["seq"] if seq else ["t"]))]
    return table.take(pc.sort_indices(table, order))


def _array(values: Sequence[Any], type: pa.DataType) -> pa.Array:
    if type in _IN_MILLISECONDS:
        name, plain = _IN_MILLISECONDS[type]
        return stored(name, pa.array(values, plain))
    return pa.array(values, type)
