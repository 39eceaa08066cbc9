"""What clients of Kafka raise, whichever client it is: in words, without secrets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_E = TypeVar("_E", bound=Exception)


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


class WrongTime(KafkaFailure):
    """The cluster does not take a record with this time."""


class Fenced(KafkaFailure):
    """Nothing more is taken from this process: another one goes by its name (transactional id, name in the group), or
    Kafka has ended its transaction.
    """


class LostPartitions(KafkaFailure):
    """The group gave the partitions to another member: what was read and not committed is void."""


class OffsetGone(KafkaFailure):
    """A partition does not have the offset that is to be read next."""

    def __init__(self, topic: str, partition: int, offset: int) -> None:
        super().__init__(f"{topic}-{partition} has no offset {offset}")
        self.topic, self.partition, self.offset = topic, partition, offset


class Unreadable(KafkaFailure):
    """The records from ``offset`` to ``last`` cannot be read: their batch is damaged, or cannot be decompressed.

    There may be more of them after ``last``: not every client knows where their batch ends.
    """

    def __init__(self, topic: str, partition: int, offset: int, last: int, why: str) -> None:
        span = f"offset {offset}" if offset == last else f"offsets {offset} to {last}"
        super().__init__(f"{topic}-{partition}: {span} cannot be read: {why}")
        self.topic, self.partition, self.offset, self.last, self.why = topic, partition, offset, last, why


def translating(
    theirs: type[_E], failure: Callable[[_E], KafkaFailure]
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Makes a client's method the same, raising our errors: ``failure`` of what the client raises."""

    def wrap(method: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(method)
        def call(*arguments: _P.args, **named: _P.kwargs) -> _R:
            try:
                return method(*arguments, **named)
            except theirs as error:
                raise failure(error) from error

        return call

    return wrap
