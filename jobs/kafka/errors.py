"""What clients of Kafka raise, whichever client it is: in words, without secrets."""

from __future__ import annotations


class KafkaFailure(Exception):
    """Something that Kafka or its client did not do, and why."""


class Unanswered(KafkaFailure):
    """No answer in time."""


class LoginRefused(KafkaFailure):
    """The cluster does not let this user in."""


class NotAllowed(KafkaFailure):
    """The cluster's access lists forbid it."""


class UnknownTopic(KafkaFailure):
    """There is no such topic or partition."""


class Fenced(KafkaFailure):
    """Another process goes by this one's name (transactional id, name in the group): nothing more is taken from it."""


class LostPartitions(KafkaFailure):
    """The group gave the partitions to another member: what was read and not committed is void."""


class OffsetGone(KafkaFailure):
    """A partition does not have the offset that is to be read next.."""

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        super().__init__(f"{topic}-{partition} has no offset {offset}")
        self.topic, self.partition, self.offset = topic, partition, offset
