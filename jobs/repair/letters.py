"""``penstock resend``: records that were refused are sent to their topic again, once what was wrong is fixed."""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import orjson

from penstock.features.ingest import BadEvent, Tombstone, parse
from penstock.features.oracle import view_event
from penstock.features.plan import SOURCE, SourcePlan
from penstock.features.records.origin import Fields, RecordTime
from penstock.jobs.kafka.clients import answering, consumer, producer
from penstock.jobs.kafka.errors import OffsetGone, Unreadable
from penstock.jobs.kafka.interface import Consumer, Place, Record
from penstock.jobs.kafka.reading import CLOCKS_MS, read_records
from penstock.jobs.kafka.replay import Deliveries
from penstock.jobs.project.project import Project

#: The header of a record that was sent again: where the first one lies, as ``topic-partition-offset``.
RESENT = "resent"
#: How long a record may take to be read, in milliseconds.
READ_MS = 10_000


class Refused(NamedTuple):
    """A record of a source that the stream refused. ``views``: those that did; None among them: all of its source's.

    ``raw``: as its letter has it; ``at_ms``: the letter's Kafka timestamp.
    """

    source: str
    place: Place
    offset: int
    views: frozenset[str | None]
    raw: bytes | None
    at_ms: int

    def __str__(self) -> str:
        return f"{self.place.topic}-{self.place.partition}-{self.offset}"


class Raw(NamedTuple):
    """A record as it is sent again. ``timestamp``: its own, where a column of its source is that; else None."""

    value: bytes | None
    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp: int | None


@dataclass
class Resent:
    """``letters`` looked at, of so many ``records``. ``sent`` now; ``before``: sent by an earlier run.

    ``still_bad``: by the reason for which the definitions of today would refuse them again. ``gone``: neither letter
    nor topic has the whole record. ``counted``: other views of the source have applied the record, which has no id that
    would tell them so.
    """

    letters: int = 0
    records: int = 0
    sent: int = 0
    before: int = 0
    gone: int = 0
    counted: int = 0
    still_bad: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        words = f"{self.letters:,} letters about {self.records:,} records: {self.sent:,} sent again"
        words += f", {self.before:,} were before" if self.before else ""
        words += "".join(f", {number:,} are still bad ({reason})" for reason, number in sorted(self.still_bad.items()))
        words += f", {self.gone:,} can no longer be read" if self.gone else ""
        return words + (f", {self.counted:,} have no id, and other views have them" if self.counted else "")


def resend(
    project: Project,
    source: str | None = None,
    reason: str | None = None,
    progress: Callable[[int], None] = lambda sent: None,
) -> Resent:
    """Sends to their own partitions the refused records that the definitions of today take, each once.

    ``source`` and ``reason``: of these alone. A record that was sent by an earlier run has the header ``resent`` in its
    topic, so a run that was killed, or comes again, sends none twice. Raises PenstockError when Kafka does not answer.
    """
    report, reasons = Resent(), Counter[str]()
    refused = list(_refused(project, source, reason, report))
    report.records = len(refused)
    before = _sent_before(project, refused)
    deliveries = Deliveries()
    with answering(project.config), consumer(project.config, None) as reader, producer(project.config) as sender:
        for one in refused:
            if str(one) in before:
                report.before += 1
                continue
            raw = _record(project, reader, one)
            bad = None if raw is None else _bad(project, one, raw)
            if raw is None:
                report.gone += 1
            elif bad is not None:
                reasons[bad] += 1
            elif _is_counted(project, one):
                report.counted += 1
            else:
                headers = [(name, value) for name, value in raw.headers if name != RESENT and value is not None]
                headers.append((RESENT, str(one).encode()))
                deliveries.add(
                    sender.send(
                        one.place.topic,
                        raw.value,
                        raw.key,
                        headers,
                        partition=one.place.partition,
                        timestamp_ms=raw.timestamp,
                    )
                )
                report.sent += 1
                progress(report.sent)
        deliveries.settle()
    report.still_bad = dict(reasons)
    return report


def _refused(project: Project, source: str | None, reason: str | None, report: Resent) -> Iterator[Refused]:
    """The records of letters of the stream, each once, in the order of the first letters."""
    by_place: dict[tuple[Place, int], Refused] = {}
    with closing(read_records(project, project.names.dead_letters, None)) as records:
        for record in records:
            letter = _letter(record)
            if letter is None or letter["job"] != "stream" or letter["source"] not in project.streamed:
                continue
            if source not in (None, letter["source"]) or reason not in (None, letter["error"]):
                continue
            report.letters += 1
            place = Place(letter["topic"], letter["partition"])
            raw = None if letter["raw"] is None else base64.b64decode(letter["raw"])
            known = by_place.get((place, letter["offset"]))
            views = frozenset([letter["view"]]) | (known.views if known else frozenset())
            at = known.at_ms if known else record.timestamp
            by_place[place, letter["offset"]] = Refused(letter["source"], place, letter["offset"], views, raw, at)
    for one in by_place.values():
        if one.place.topic == project.topic(one.source):
            yield one


def _letter(record: Record) -> dict[str, Any] | None:
    """None for what is no letter of ours."""
    try:
        letter = orjson.loads(record.value or b"")
        return (
            letter if {"job", "topic", "partition", "offset", "source", "view", "error", "raw"} <= set(letter) else None
        )
    except (orjson.JSONDecodeError, TypeError):
        return None


def _sent_before(project: Project, refused: Sequence[Refused]) -> set[str]:
    """The places of records that were sent again already."""
    places: set[str] = set()
    for topic in {one.place.topic for one in refused}:
        since = min(one.at_ms for one in refused if one.place.topic == topic) - CLOCKS_MS
        with closing(read_records(project, topic, max(0, since))) as records:
            places.update(_places(records))
    return places


def _places(records: Iterable[Record]) -> Iterator[str]:
    for record in records:
        for name, value in record.headers:
            if name == RESENT and value is not None:
                yield value.decode(errors="replace")


def _record(project: Project, reader: Consumer, one: Refused) -> Raw | None:
    """The record as it lies in its topic, else as the letter has it; None where that is not all of it."""
    origins = [column.stands for column in project.streams[one.source].source_plan.columns]
    timed = any(isinstance(origin, RecordTime) for origin in origins)
    record = _read(reader, one)
    if record is not None:
        return Raw(record.value, record.key, record.headers, record.timestamp if timed else None)
    whole = all(isinstance(origin, Fields) for origin in origins)
    return Raw(one.raw, None, (), None) if whole and one.raw is not None else None


def _read(reader: Consumer, one: Refused) -> Record | None:
    reader.assign([one.place])
    if not reader.beginning_offsets([one.place])[one.place] <= one.offset < reader.end_offsets([one.place])[one.place]:
        return None
    reader.seek(one.place, one.offset)
    until = time.monotonic() + READ_MS / 1000
    while time.monotonic() < until and reader.position(one.place) <= one.offset:
        try:
            for record in reader.poll(100, 1).get(one.place, ()):
                return record if record.offset == one.offset else None
        except (OffsetGone, Unreadable):
            return None
    return None


def _bad(project: Project, one: Refused, raw: Raw) -> str | None:
    """Why the stream would refuse the record again: for all views, or for one that has refused it before."""
    source: SourcePlan = project.streams[one.source].source_plan
    now = time.time_ns() // 1_000_000
    try:
        row = parse(source, raw.value, raw.timestamp or now, now, key=raw.key, headers=raw.headers)
        for plan in project.streamed[one.source]:
            if None in one.views or plan.name in one.views:
                view_event(plan, {**row, SOURCE: one.source})
    except BadEvent as bad:
        return bad.code
    except Tombstone:
        return "no event"
    return None


def _is_counted(project: Project, one: Refused) -> bool:
    """Has another view applied it, that could not tell the second from the first?"""
    others = {plan.name for plan in project.streamed[one.source]} - one.views
    return None not in one.views and bool(others) and project.streams[one.source].source_plan.id is None
