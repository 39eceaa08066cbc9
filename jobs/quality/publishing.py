"""What is known of a model's answers, on a topic: a record for each version and hour, whenever it changes.

The ledger knows what was not sent yet. After a kill a record may be sent again: it is the same, or a newer one, and
the one with the greatest ``seq`` of its key counts.
"""

from __future__ import annotations

import orjson

from penstock.features.canonical import canonical_json
from penstock.features.plan import ModelPlan
from penstock.jobs.kafka.interface import Producer
from penstock.jobs.kafka.owner import PROJECT
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.ledger.scores import HOUR_MS, Cell, Score
from penstock.jobs.project.config import Config


class Publishing:
    """Sends the scores of ``ledger`` that changed."""

    def __init__(self, config: Config, plan: ModelPlan, ledger: Ledger, sender: Producer) -> None:
        self._plan, self._ledger, self._sender = plan, ledger, sender
        self._topic = config.names.quality(plan.name)
        self._headers = [("fingerprint", plan.fingerprint.encode()), (PROJECT, config.project.encode())]

    def publish(self) -> None:
        """Returns when Kafka has them all. Raises KafkaFailure."""
        scores = self._ledger.unsent()
        for cell, (seq, score) in scores.items():
            key = canonical_json({"hour": cell.hour, "version": cell.version}).encode()
            self._sender.send(self._topic, record(self._plan, cell, seq, score), key, self._headers)
        if scores:
            self._sender.flush()
            self._ledger.sent(scores)


def record(plan: ModelPlan, cell: Cell, seq: int, score: Score) -> bytes:
    """A score as JSON."""
    return orjson.dumps(
        {
            "model": str(plan.name),
            "version": cell.version,
            "fingerprint": plan.fingerprint,
            "from": cell.hour,
            "to": cell.hour + HOUR_MS,
            "seq": seq,
            **score.to_dict(),
        }
    )
