"""The mirror: rows from memory, where the feature topics have brought them, and the online store for the rest.

The store remains the truth. It is asked for keys that no record has told of, for views without a topic, once for each
key after batch has written into its view, and for everything while the mirror is further behind its topics than it may
be.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from penstock.features.errors import UsageError
from penstock.features.plan import ViewPlan
from penstock.jobs.metrics.mirror import MirrorFigures
from penstock.jobs.project.config import FILE
from penstock.jobs.project.project import Project
from penstock.jobs.serving.checked import Checked
from penstock.jobs.serving.following import Following, following
from penstock.jobs.serving.inputs import Input
from penstock.jobs.store.bulk import BulkStore, Request
from penstock.jobs.store.columns import Cells, Columns, Int64s, decode
from penstock.jobs.store.rows import ViewSchema
from penstock.jobs.store.schema import schema_of
from penstock.jobs.store.table import overlay

#: Keys that the store is asked for at once when the mirror is compared with it.
COMPARED = 5_000
#: How often within the time that it may be behind the mirror asks where its topics end.
QUESTIONS = 4


class Mirror:
    """Answers ``read_rows`` as ``store`` does. ``lag_s``: how far behind its topics it may be, in seconds.

    ``told`` gets a line when reads begin to go to the store, and when they no longer do.
    """

    def __init__(
        self, following: Following, store: BulkStore, lag_s: float, told: Callable[[str], None] = lambda line: None
    ) -> None:
        self._following, self._store, self._lag_s, self._told = following, store, lag_s, told
        self._checked = Checked(store)
        self._near = True
        self._mirrored, self._stored = 0, 0

    def prepare(self, schemas: Sequence[ViewSchema], stop: threading.Event) -> None:
        """Returns when all that the topics and the store had is in memory, or ``stop`` is set.

        Raises RefusedError and PenstockError for rows of other definitions, or a broker or store that fails.
        """
        self._following.wait(stop, self._told)
        self._checked.look([schema.name for schema in schemas])
        for schema in schemas:
            self._compare(schema, stop)
        if not stop.is_set():
            self._told(f"the mirror is caught up: {sum(self._following.rows().values()):,} rows")

    def read_rows(self, requests: Sequence[Request]) -> list[Columns]:
        """As ``BulkStore.read_rows``. Raises what has ended the reading of the topics, too."""
        self._following.check()
        if not self._is_near():
            self._stored += sum(len(keys) for _, keys in requests)
            return self._store.read_rows(requests)
        checked = [self._checked.of(schema.name) for schema, _ in requests]
        held = [self._following.take(schema.name, keys) for schema, keys in requests]
        missing = [_missing(*each) for each in zip(held, requests, checked, strict=True)]
        wanted = [number for number, places in enumerate(missing) if len(places) or held[number] is None]
        asked = self._ask([_chosen(requests[number], missing[number]) for number in wanted])
        self._mirrored += sum(len(keys) for _, keys in requests) - sum(map(len, missing))
        for number, stored in zip(wanted, asked, strict=True):
            held[number] = self._filled(held[number], requests[number], missing[number], stored, checked[number])
        return [rows for rows in held if rows is not None]

    def _filled(
        self, rows: Columns | None, request: Request, missing: Int64s, stored: Columns, checked: set[tuple[Any, ...]]
    ) -> Columns:
        """The mirror's rows with the store's where it has none or an older one."""
        if rows is None:
            return stored
        schema, keys = _chosen(request, missing)
        held = rows.present[missing]
        known = {keys[place]: place for place in np.flatnonzero(held).tolist()}
        if known:
            self._following.put(schema.name, list(known), stored.at(np.array(list(known.values()))))
            checked.update(known)
        newer = ~held | stored.replaces(rows.t[missing], rows.seq[missing])
        overlay(rows, missing[newer], stored, np.flatnonzero(newer))
        return rows

    def watching(self, views: Sequence[str]) -> AbstractContextManager[None]:
        """While the block lasts, it is found out when batch writes into one of these views."""
        return self._checked.watched(views, self._lag_s / QUESTIONS)

    def figures(self) -> MirrorFigures:
        """For the metrics."""
        return MirrorFigures(self._following.age_s, self._following.rows(), self._mirrored, self._stored)

    def _ask(self, requests: Sequence[Request]) -> list[Columns]:
        """The store's rows, in one round trip; none for keys with a null part, which no row can have."""
        if all(None in key for _, keys in requests for key in keys):
            return decode([Cells.nothing(schema, len(keys)) for schema, keys in requests])
        self._stored += sum(len(keys) for _, keys in requests)
        return self._store.read_rows(requests)

    def _is_near(self) -> bool:
        age_s = self._following.age_s
        near = age_s <= self._lag_s
        if near != self._near:
            self._near = near
            self._told(
                "the mirror is near its topics again: rows are read from memory"
                if near
                else f"the mirror is {age_s:.1f} s behind its topics: rows are read from the store"
            )
        return near

    def _compare(self, schema: ViewSchema, stop: threading.Event) -> None:
        """Takes the store's rows where they are newer: batch has written them, and no topic tells of them."""
        checked, keys = self._checked.of(schema.name), self._following.keys(schema.name)
        for start in range(0, len(keys), COMPARED):
            if stop.is_set():
                return
            some = keys[start : start + COMPARED]
            (stored,) = self._store.read_rows([(schema, some)])
            self._following.put(schema.name, some, stored)
            checked.update(some)


def streamed(project: Project, inputs: Sequence[Input]) -> list[ViewPlan]:
    """The views of inputs that have a topic, each once. Raises UsageError where there is none."""
    used = {item.view.name for item in inputs}
    found = [plan for plan in project.streamed_views if plan.name in used]
    if not found:
        raise UsageError(
            "there is nothing to mirror: no input of the model is streamed",
            where=f'[inference] store = "mirrored" in {FILE}',
            allowed="online",
        )
    return found


@contextmanager
def mirrored(
    project: Project, plans: Sequence[ViewPlan], store: BulkStore, stop: threading.Event, told: Callable[[str], None]
) -> Iterator[Mirror]:
    """A mirror of these views, which all have a topic: in memory when the block begins, or ``stop`` is set.

    Raises as ``Mirror.prepare`` does.
    """
    lag_s = project.config.inference.mirror_lag_ms / 1000
    with following(project, plans, lag_s / QUESTIONS) as tables:
        mirror = Mirror(tables, store, lag_s, told)
        schemas = [schema_of(plan) for plan in plans]
        mirror.prepare(schemas, stop)
        with mirror.watching([schema.name for schema in schemas]):
            yield mirror


def _missing(rows: Columns | None, request: Request, checked: set[tuple[Any, ...]]) -> Int64s:
    """Of which keys the mirror has no row, or one that the store may have a newer one for."""
    _, keys = request
    if rows is None:
        return np.arange(len(keys))
    doubted = np.array([key not in checked for key in keys], dtype=np.bool_)
    return np.flatnonzero(~rows.present | doubted)


def _chosen(request: Request, places: Int64s) -> Request:
    schema, keys = request
    return schema, [keys[place] for place in places.tolist()]
