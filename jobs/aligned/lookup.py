"""The features of requests at their own times: each waits until the stream's change points have passed it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from penstock.features.canonical import canonical_json
from penstock.features.durations import duration_text
from penstock.features.ingest import BadEvent
from penstock.jobs.aligned.change_log import ChangeLog
from penstock.jobs.aligned.versions import Version
from penstock.jobs.console.times import time_words
from penstock.jobs.kafka.interface import Place
from penstock.jobs.serving.inputs import Input, Rows
from penstock.jobs.serving.lookup import Rowed
from penstock.jobs.serving.requests import Found, Request
from penstock.jobs.store.columns import Cells, Columns, decode
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from penstock.jobs.store.table import as_stored, overlay

#: Rows stay for requests that are so much earlier than the latest of their partition, in milliseconds of event time.
MARGIN_MS = 3_600_000
#: A partition without a request for so long does not keep rows in memory, in seconds of wall-clock time.
SILENT_S = 60.0
#: Seconds of waiting before a line says what is waited for, and between two of them.
TELL_S = 10.0

_Key = tuple[Any, ...]


class AlignedLookup:
    """Gives requests their rows out of ``log``; of inputs that hold for all time, those of ``store``. ``numbers``: by
    topic, the inputs of its requests.

    A request waits for event time, however long that takes: none is answered without its rows. ``disorder_ms``: of the
    requests' stream. ``report`` gets a line while requests wait long, and when the log is read anew.
    """

    #: Does a request wait for a limited time only?
    bounded = False

    def __init__(
        self,
        inputs: Sequence[Input],
        numbers: Mapping[str, Sequence[int]],
        log: ChangeLog,
        store: Rowed,
        disorder_ms: int,
        report: Callable[[str], None],
    ) -> None:
        self._inputs, self._log, self._store = inputs, log, store
        self._margin_ms = max(MARGIN_MS, 2 * disorder_ms)
        self._report = report
        #: By topic, the inputs that have a time, and those that hold for all time.
        self._timed = {topic: [i for i in own if not inputs[i].view.static] for topic, own in numbers.items()}
        self._static = {topic: [i for i in own if inputs[i].view.static] for topic, own in numbers.items()}
        #: By partition of requests: the latest event time, and when (monotonic seconds) there was one.
        self._latest: dict[Place, tuple[int, float]] = {}
        self._waiting_since = time.monotonic()

    def read(self, fresh: Sequence[Request], waiting: Sequence[Request], now: float) -> None:
        """Fills ``found`` of the requests whose time all views have passed. The others await their inputs.

        A request becomes a bad one where rows that it may need were compacted away. ``now``: monotonic seconds.
        """
        self._note(fresh, now)
        requests = [*fresh, *waiting]
        self._make_room(min(request.t for request in requests), now)
        self._log.read_to(max(request.t for request in requests))
        reached = {i: self._log.progress(self._view(i)) for timed in self._timed.values() for i in timed}
        for request in requests:
            request.awaited = [i for i in self._timed[request.record.topic] if reached[i] < request.t]
        ready = [request for request in requests if not request.awaited]
        for request in ready:
            request.bad = self._compacted(request)
        self._fill([request for request in ready if request.bad is None])
        self._tell([request for request in requests if request.awaited], bool(ready), reached, now)

    def _note(self, fresh: Sequence[Request], now: float) -> None:
        for request in fresh:
            latest, _ = self._latest.get(request.place, (request.t, now))
            self._latest[request.place] = max(latest, request.t), now

    def _make_room(self, least: int, now: float) -> None:
        """Lets rows go that no request needs any more, or has them read again for one that does."""
        if least < self._log.base:
            self._report(f"a request of {time_words(least)} is earlier than the rows in memory: they are read anew")
            self._log.rewind()
        active = [latest for latest, since in self._latest.values() if now - since < SILENT_S]
        self._log.forget(min([least, *(latest - self._margin_ms for latest in active)]))

    def _view(self, number: int) -> str:
        return str(self._inputs[number].view.name)

    def _compacted(self, request: Request) -> BadEvent | None:
        for number in self._timed[request.record.topic]:
            if not self._log.is_whole(self._view(number), request.t):
                kept = duration_text(self._log.kept_ms)
                detail = f"change points of {self._view(number)} at {time_words(request.t)} are older than {kept}"
                return BadEvent("no answer", f"{detail} and were compacted away")
        return None

    def _fill(self, requests: Sequence[Request]) -> None:
        for number, asking in self._asking(requests, self._timed).items():
            self._fill_from_log(number, asking)
        static = self._asking(requests, self._static)
        if static:
            self._fill_from_store(static)

    def _asking(self, requests: Sequence[Request], own: Mapping[str, Sequence[int]]) -> dict[int, list[Request]]:
        """By input: the requests that have it."""
        asking: dict[int, list[Request]] = {}
        for request in requests:
            for number in own[request.record.topic]:
                asking.setdefault(number, []).append(request)
        return asking

    def _fill_from_log(self, number: int, requests: Sequence[Request]) -> None:
        """A row that several see is there once."""
        item = self._inputs[number]
        names = [name for name, _ in item.schema.key]
        versions: dict[tuple[_Key, tuple[int, int] | None], tuple[_Key, Version | None]] = {}
        seen = []
        for key, request in zip(item.keys([request.row for request in requests]), requests, strict=True):
            text = canonical_json(dict(zip(names, key, strict=True))).encode()
            version = self._log.at(item.schema.name, text, request.t)
            seen.append((key, None if version is None else (version.t, version.seq)))
            versions[seen[-1]] = key, version
        places = {each: place for place, each in enumerate(versions)}
        rows = Rows(item, [key for key, _ in versions.values()], _columns(item.schema, list(versions.values())))
        for request, each in zip(requests, seen, strict=True):
            request.found[number] = Found(rows, places[each])

    def _fill_from_store(self, asking: Mapping[int, Sequence[Request]]) -> None:
        keys = {i: self._inputs[i].keys([request.row for request in requests]) for i, requests in asking.items()}
        different = {i: list(dict.fromkeys(keys[i])) for i in asking}
        columns = self._store.read_rows([(self._inputs[i].schema, different[i]) for i in asking])
        for number, own in zip(asking, columns, strict=True):
            rows = Rows(self._inputs[number], different[number], own)
            places = {key: place for place, key in enumerate(different[number])}
            for request, key in zip(asking[number], keys[number], strict=True):
                request.found[number] = Found(rows, places[key])

    def _tell(self, waiting: Sequence[Request], moved: bool, reached: dict[int, int], now: float) -> None:
        if moved or not waiting:
            self._waiting_since = now
        elif now - self._waiting_since >= TELL_S:
            self._waiting_since = now
            first = min(waiting, key=lambda request: request.t)
            views = ", ".join(
                f"{self._view(number)} ({time_words(reached[number]) if reached[number] > -(1 << 63) else 'none yet'})"
                for number in first.awaited
            )
            self._report(f"{len(waiting)} requests from {time_words(first.t)} on wait for the change points of {views}")


def _columns(schema: ViewSchema, rows: Sequence[tuple[_Key, Version | None]]) -> Columns:
    """The rows as the store would give them, those of no version as of a key without a row."""
    there = [place for place, (_, version) in enumerate(rows) if version is not None]
    present = [_row(schema, key, version) for key, version in rows if version is not None]
    if len(there) == len(rows):
        return as_stored(schema, present)
    (columns,) = decode([Cells.nothing(schema, len(rows))])
    if present:
        overlay(columns, np.array(there, dtype=np.int64), as_stored(schema, present))
    return columns


def _row(schema: ViewSchema, key: _Key, version: Version) -> FeatureRow:
    values = orjson.loads(version.value)["values"]
    return FeatureRow(key, version.t, version.seq, tuple([values[name] for name, _ in schema.features]))
