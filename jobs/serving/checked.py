"""Which rows in memory have been compared with the store since batch last wrote into it: no topic tells of that."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from penstock.jobs.store.bulk import BulkStore
from penstock.jobs.store.patience import StoreAway


class Checked:
    """For each view the keys that are known to be no older in memory than in the store."""

    def __init__(self, store: BulkStore) -> None:
        self._store = store
        self._batches: dict[str, int] = {}
        self._keys: dict[str, set[tuple[Any, ...]]] = {}
        self._error: BaseException | None = None

    def look(self, views: Sequence[str]) -> None:
        """Forgets the keys of views into which batch has written since. Raises PenstockError."""
        for view, count in zip(views, self._store.batches(views), strict=True):
            if self._batches.get(view) != count:
                self._batches[view] = count
                # another set: a comparison that began before must not count
                self._keys[view] = set()

    def of(self, view: str) -> set[tuple[Any, ...]]:
        """The view's keys, to which those that are compared from now on may be added. Raises what ended ``watched``."""
        if self._error is not None:
            raise self._error
        return self._keys.get(view, set())

    @contextmanager
    def watched(self, views: Sequence[str], every_s: float) -> Iterator[None]:
        """Looks every so many seconds while the block lasts. While the store is away batch does not write either."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(every_s):
                try:
                    self.look(views)
                except StoreAway:
                    continue
                except BaseException as error:
                    self._error = error
                    return

        thread = threading.Thread(target=watch, name="batches", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
