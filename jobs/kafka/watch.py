"""Topics watched while they are read: one that is deleted, or made anew, has other records at the same offsets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from penstock.features.errors import PenstockError
from penstock.jobs.kafka.clients import topic_ids
from penstock.jobs.project.config import Config

#: Seconds between two looks.
LOOK_S = 2.0
#: A topic that is not there in so many looks one after the other is deleted: a cluster that starts may not know it yet.
MISSING = 3


class TopicWatch:
    """Looks at topics from a thread; a context manager. ``ids``: topic → the id that it had at the start.

    ``looked`` is called after each look in which all are as they were. After a PenstockError (Kafka is away) or an
    OSError (the disk is full; the jobs report that themselves) the next look tries again.
    """

    def __init__(self, config: Config, ids: Mapping[str, str], looked: Callable[[], None] = lambda: None) -> None:
        self._config, self._ids, self._looked = config, dict(ids), looked
        self._missing = dict.fromkeys(ids, 0)
        #: The topics that are others now, or none.
        self.changed: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="topics", daemon=True)

    def __enter__(self) -> TopicWatch:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self.changed and not self._stop.wait(LOOK_S):
            self.look()

    def look(self) -> None:
        """Looks at the topics now."""
        with suppress(PenstockError, OSError):
            self._compare(topic_ids(self._config, list(self._ids)))

    def _compare(self, now: Mapping[str, str]) -> None:
        for topic in self._ids:
            self._missing[topic] = 0 if topic in now else self._missing[topic] + 1
        self.changed = [
            topic for topic, id in self._ids.items() if now.get(topic, id) != id or self._missing[topic] >= MISSING
        ]
        if not self.changed and not any(self._missing.values()):
            self._looked()
