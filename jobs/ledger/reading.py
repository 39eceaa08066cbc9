"""Reading a model's predictions and labels into its ledger, each record once.

Offsets are in the ledger, in the same transaction as what follows from the records before them. Kafka's own committed
offsets would be another truth: after a kill between the two a record would be counted twice, or never.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from penstock.features.errors import PenstockError
from penstock.jobs.console.logs import about, logger
from penstock.jobs.kafka.clients import topic_ids
from penstock.jobs.kafka.errors import OffsetGone, Unanswered, Unreadable
from penstock.jobs.kafka.interface import Consumer, Place, Record
from penstock.jobs.kafka.loss import Anew, loss_of, losses_of, made_anew, refused
from penstock.jobs.kafka.whole import WholeTopics
from penstock.jobs.ledger.joining import Joining
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.project.config import Config

_LOG = logger("quality")

#: Records taken at once: a transaction of the disk for each of them.
BATCH = 20_000


class Reading:
    """Has ``reader`` read the topics on from where the ledger has come to. That of a shadow's answers may be missing.

    Raises RefusedError for records that are gone before they were read, unless ``accept_loss``: then they are counted.
    """

    def __init__(
        self,
        config: Config,
        reader: Consumer,
        joining: Joining,
        ledger: Ledger,
        *,
        accept_loss: bool = False,
        told: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._reader, self._joining, self._ledger = reader, joining, ledger
        self._accept_loss, self._told = accept_loss, told
        output, shadow = joining.answer_topics
        #: Offsets that were gone, and records that could not be read.
        self.lost, self.unreadable = 0, 0
        ids = topic_ids(config, [output, shadow, joining.label_topic])
        self._topics = list(ids)
        missing = [topic for topic in (output, joining.label_topic) if topic not in ids]
        if missing:
            raise PenstockError(
                f"the topic {missing[0]!r} does not exist",
                where=missing[0],
                hint=f"'penstock infer {joining.plan.name}' makes that of the predictions",
            )
        self._check_ids(ids)
        self._whole = WholeTopics(reader, self._topics)
        ledger.begin(ids, {})
        self._seek(ledger.offsets())
        ledger.begin(ids, self._positions())

    def _check_ids(self, ids: Mapping[str, str]) -> None:
        known = self._ledger.topic_ids()
        others = [Anew(topic, 0) for topic, id in ids.items() if known.get(topic, id) != id]
        if others and not self._accept_loss:
            raise made_anew(others, str(self._ledger.file))
        for other in others:
            self._told(f"accepted: {other}")

    def _seek(self, offsets: Mapping[Place, int]) -> None:
        places = self._whole.places
        first, ends = self._reader.beginning_offsets(places), self._reader.end_offsets(places)
        known = {place: offsets[place] for place in places if place in offsets}
        losses = losses_of(known, first, ends)
        if losses and not self._accept_loss:
            raise refused(losses, str(self._ledger.file))
        for loss in losses:
            self._told(f"accepted: {loss}")
            self.lost += loss.missing
        gone = {loss.place for loss in losses}
        for place in places:
            self._reader.seek(place, first[place] if place in gone else known.get(place, first[place]))

    def _positions(self) -> dict[Place, int]:
        return {place: self._reader.position(place) for place in self._whole.places}

    def step(self, timeout_ms: float) -> int:
        """Takes in what has come, and returns how many records that were. Raises RefusedError, PenstockError and
        KafkaFailure.
        """
        with suppress(Unanswered):  # Kafka is away, and poll waits for it
            self._whole.look()
        try:
            polled = self._reader.poll(timeout_ms, BATCH)
        except OffsetGone as gone:
            self._gone(gone)
            return 0
        except Unreadable as damaged:
            self._skip(damaged)
            return 0
        if polled:
            self._take_in(polled)
        return sum(map(len, polled.values()))

    def _take_in(self, polled: Mapping[Place, Sequence[Record]]) -> None:
        joining, answers, outcomes = self._joining, [], []
        for place, records in polled.items():
            if place.topic in joining.answer_topics:
                answers += joining.answers(records)
            if place.topic == joining.label_topic:
                outcomes += joining.outcomes(records)
        self._ledger.add(answers, outcomes, self._positions())

    def _gone(self, gone: OffsetGone) -> None:
        loss = loss_of(self._reader, gone)
        if not self._accept_loss:
            raise refused([loss], str(self._ledger.file))
        self._told(f"accepted: {loss}")
        self.lost += loss.missing
        self._reader.seek(loss.place, loss.first)

    def _skip(self, damaged: Unreadable) -> None:
        place = about(topic=damaged.topic, partition=damaged.partition, offset=damaged.offset)
        _LOG.warning("%s", damaged, extra=place)
        self.unreadable += damaged.last - damaged.offset + 1
        self._reader.seek(Place(damaged.topic, damaged.partition), damaged.last + 1)

    def read_to_end(self, progress: Callable[[int], None] = lambda records: None, patience_s: float = 60.0) -> int:
        """Takes in all that the topics have now. Raises as ``step``, and PenstockError where nothing more comes."""
        ends, records, last = self._reader.end_offsets(self._whole.places), 0, time.monotonic()
        while any(self._reader.position(place) < end for place, end in ends.items()):
            count = self.step(timeout_ms=200)
            records += count
            progress(records)
            last = time.monotonic() if count else last
            if time.monotonic() - last > patience_s:
                raise PenstockError(f"nothing more came for {patience_s:.0f} s before the end", where=self._topics[0])
        return records
