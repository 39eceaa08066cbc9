"""Records of a topic that no reader can read: where they lie, and the dead letters for them."""

from __future__ import annotations

import time

import orjson

from penstock.jobs.kafka.clients import answering, consumer, producer
from penstock.jobs.kafka.errors import Unreadable
from penstock.jobs.kafka.interface import Consumer, Place
from penstock.jobs.project.config import Config

#: How long no records may come before a partition counts as readable to its end, in seconds.
QUIET_S = 5.0
#: How long a dead letter may be on its way, in seconds.
DELIVERY_S = 60.0

#: The reason in a dead letter.
REASON = "unreadable"


def find_unreadable(config: Config, place: Place, start: int) -> Unreadable | None:
    """The first records from ``start`` on that cannot be read, all that lie together; None where there are none."""
    with answering(config), consumer(config, None) as reader:
        reader.assign([place])
        reader.seek(place, start)
        first = last = _next_unreadable(reader, None)
        while last is not None:
            reader.seek(place, last.last + 1)
            following = _next_unreadable(reader, last.last + 1)
            if following is None or first is None:
                break
            last = following
            first = Unreadable(place.topic, place.partition, first.offset, last.last, first.why)
        return first


def _next_unreadable(reader: Consumer, at: int | None) -> Unreadable | None:
    """The next ones; with ``at``, only if they lie there."""
    quiet = time.monotonic() + QUIET_S
    while time.monotonic() < quiet:
        try:
            if reader.poll(200):
                quiet = time.monotonic() + QUIET_S
                if at is not None:
                    return None
        except Unreadable as damaged:
            return damaged if at is None or damaged.offset == at else None
    return None


def send_letters(config: Config, topic: str, source: str, damaged: Unreadable) -> None:
    """A dead letter for each of these records. Raises PenstockError."""
    with answering(config), producer(config) as sender:
        receipts = [
            sender.send(topic, _letter(source, damaged, offset), headers=[("error", REASON.encode())])
            for offset in range(damaged.offset, damaged.last + 1)
        ]
        for receipt in receipts:
            receipt.get(DELIVERY_S)


def _letter(source: str, damaged: Unreadable, offset: int) -> bytes:
    return orjson.dumps(
        {
            "job": "stream",
            "topic": damaged.topic,
            "partition": damaged.partition,
            "offset": offset,
            "source": source,
            "view": None,
            "error": REASON,
            "detail": damaged.why,
            "raw": None,
        }
    )
