"""Whole topics, read outside of any group: partitions that are added while they are read, too."""

from __future__ import annotations

import time
from collections.abc import Sequence

from penstock.jobs.kafka.errors import UnknownTopic
from penstock.jobs.kafka.interface import Consumer, Place

#: Seconds between two looks for new partitions.
LOOK_S = 10.0


class WholeTopics:
    """Has ``reader`` read all partitions of these topics, those that are added later from their beginning.

    Raises UnknownTopic for a topic that does not exist, or does so no longer.
    """

    def __init__(self, reader: Consumer, topics: Sequence[str], every_s: float | None = None) -> None:
        self._reader, self._topics = reader, topics
        self._every_s = LOOK_S if every_s is None else every_s
        self.places = self._there()
        reader.assign(self.places)
        self._due = time.monotonic() + self._every_s

    def look(self) -> list[Place]:
        """Takes up partitions that were added, when it is time to look. Returns them. Raises Unanswered, too."""
        if time.monotonic() < self._due:
            return []
        self._due = time.monotonic() + self._every_s
        known = set(self.places)
        new = [place for place in self._there() if place not in known]
        if new:
            self.places = [*self.places, *new]
            self._reader.assign(self.places)
            for place, first in self._reader.beginning_offsets(new).items():
                self._reader.seek(place, first)
        return new

    def _there(self) -> list[Place]:
        places = {topic: self._reader.places(topic) for topic in self._topics}
        for topic, found in places.items():
            if not found:
                raise UnknownTopic(f"the topic {topic} does not exist")
        return [place for found in places.values() for place in found]
