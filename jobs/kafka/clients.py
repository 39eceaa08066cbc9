"""Kafka clients that all reach the cluster in the same way: consumers, producers, an administrator.

Consumers and producers are of the library that ``[kafka] client`` names; the administrator is kafka-python's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from penstock.features.errors import PenstockError
from penstock.features.ingest import ISOLATION
from penstock.jobs.kafka.confluent import ConfluentConsumer, ConfluentProducer, require_answer
from penstock.jobs.kafka.errors import KafkaFailure, LoginRefused, NotAllowed, Unanswered, WrongTime
from penstock.jobs.kafka.interface import ANSWER_MS, Consumer, Producer
from penstock.jobs.kafka.kafka_python import PythonConsumer, PythonProducer, connect, failure
from penstock.jobs.kafka.security import bootstrap_servers, confluent_options, python_options
from penstock.jobs.kafka.topics import ensure, require
from penstock.jobs.project.config import LOCAL, Config

#: How long a record may be on its way before its sending has failed: a broker's restart fits in.
DELIVERY_MS = 60_000

#: Within so long a member of a group learns of partitions that were added to its topics, in milliseconds.
METADATA_MS = 10_000

#: A broker that is there lets a client of kafka-python in within so long, in milliseconds.
SOON_MS = 2_000

#: Fetches large enough that the work for each of them does not count.
_CONSUMER = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "isolation_level": ISOLATION,
    "allow_auto_create_topics": False,
    "metadata_max_age_ms": METADATA_MS,
    "max_partition_fetch_bytes": 4 << 20,
    "fetch_max_bytes": 32 << 20,
}

#: A reader without a group asks where topics end, and each question waits behind the fetch under way at that broker:
#: such a fetch waits for records so long, in milliseconds.
_READER = {"fetch_max_wait_ms": 20}

_PRODUCER = {
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "lz4",
    "linger_ms": 5,
    "batch_size": 128 << 10,
    "request_timeout_ms": ANSWER_MS,
    "delivery_timeout_ms": DELIVERY_MS,
}

_C = TypeVar("_C")


class KafkaAway(PenstockError):
    """A cluster that does not answer now and may later."""


#: A commit waits out a whole back-off otherwise.
_TRANSACTIONAL = {"linger_ms": 0, "retry_backoff_ms": 1}


def consumer(config: Config, topics: Sequence[str] | None, *, answer_ms: int = ANSWER_MS, **options: Any) -> Consumer:
    """A consumer of committed records, subscribed to ``topics``, or to nothing yet: no auto-commit, from the earliest.

    ``options`` are Kafka's own, with underscores, and go before these. Raises PenstockError when no broker answers
    within ``answer_ms``.
    """
    named = {**_CONSUMER, **({} if "group_id" in options else _READER), **options}
    with answering(config):
        if config.kafka.client == "confluent":
            return ConfluentConsumer(topics or (), named, confluent_options(config), answer_ms)
        options = {**python_options(config), **named}
        return _let_in(config, lambda within_ms: PythonConsumer(topics or (), options, within_ms), answer_ms)


def producer(config: Config, *, answer_ms: int = ANSWER_MS, **options: Any) -> Producer:
    """An idempotent producer: acks=all, lz4, small batches at once. With ``transactional_id`` it commits quickly.

    ``options`` are Kafka's own, with underscores, and go before these. Raises PenstockError when no broker answers
    within ``answer_ms``.
    """
    named = {**_PRODUCER, **(_TRANSACTIONAL if "transactional_id" in options else {}), **options}
    with answering(config):
        if config.kafka.client == "confluent":
            return ConfluentProducer(named, confluent_options(config), answer_ms)
        options = {**python_options(config), **named}
        return _let_in(config, lambda within_ms: PythonProducer(options, within_ms), answer_ms)


def _let_in(config: Config, make: Callable[[int], _C], answer_ms: int) -> _C:
    """One of kafka-python's clients, made within so many milliseconds.

    It tries on whatever the reason. When no broker has let it in soon, librdkafka is asked why, which raises it.
    """
    try:
        return make(min(SOON_MS, answer_ms))
    except Unanswered:
        require_answer(confluent_options(config), answer_ms)
        return make(answer_ms)


def admin(config: Config) -> KafkaAdminClient:
    """An administrator of topics and groups. Raises PenstockError when no broker answers."""
    with answering(config):
        options = {**python_options(config), "request_timeout_ms": ANSWER_MS}
        administrator: KafkaAdminClient = _let_in(
            config, lambda within_ms: connect(KafkaAdminClient, options, within_ms), ANSWER_MS
        )
        return administrator


def ensure_topics(config: Config, topics: Sequence[str]) -> None:
    """Makes the topics that are missing, and returns when all can be used.

    Raises PenstockError when no broker answers or a topic cannot be made.
    """
    with answering(config), admin(config) as client:
        ensure(client, config, topics)


def require_topics(config: Config, topics: Sequence[str]) -> None:
    """Raises PenstockError, with the nearest name, for a topic that does not exist; makes none."""
    with answering(config), admin(config) as client:
        require(client, config, topics)


def provide_topics(config: Config, topics: Sequence[str]) -> None:
    """Topics that others write into: made on the local broker, required on a cluster of the user's own."""
    (ensure_topics if config.kafka.bootstrap_servers == LOCAL else require_topics)(config, topics)


def topic_ids(config: Config, topics: Sequence[str]) -> dict[str, str]:
    """Topic → the id that its cluster gave it when it was made: a topic made again is another one.

    Topics that do not exist are left out. Raises PenstockError when no broker answers.
    """
    with answering(config), admin(config) as client:
        found = client.describe_topics(list(topics))
        return {topic["name"]: str(topic["topic_id"]) for topic in found if not topic["error_code"]}


def partition_counts(config: Config, topics: Sequence[str]) -> dict[str, int]:
    """Topic → how many partitions it has; without those that do not exist. Raises PenstockError as ``topic_ids``."""
    with answering(config), admin(config) as client:
        known = client.describe_topics(list(topics))
        return {topic["name"]: len(topic["partitions"]) for topic in known if not topic["error_code"]}


def transaction_timeouts(config: Config, ids: Sequence[str]) -> set[int]:
    """The ``transaction_timeout_ms`` with which the newest producer of each transactional id began.

    Raises PenstockError: KafkaAway when no broker answers.
    """
    with answering(config), admin(config) as client:
        return {each.transaction_timeout_ms for each in client.describe_transactions(ids).values()}


@contextlib.contextmanager
def answering(config: Config) -> Iterator[None]:
    """Turns what Kafka's clients raise into one sentence with the address and without secrets."""
    try:
        yield
    except KafkaError as error:  # the administrator's
        raise _unanswered(config, failure(error)) from None
    except KafkaFailure as error:
        raise _unanswered(config, error) from None


def _unanswered(config: Config, error: KafkaFailure) -> PenstockError:
    servers = bootstrap_servers(config).replace(",", ", ")
    if isinstance(error, LoginRefused):
        hint = f"username, sasl_mechanism, and the password in {config.kafka.password_place}"
        return PenstockError(f"Kafka refuses the login of {config.kafka.username}", where=servers, hint=hint)
    if isinstance(error, NotAllowed):
        return PenstockError(f"Kafka does not allow it: {error}", where=servers, hint="its access lists decide")
    if isinstance(error, Unanswered):
        hint = "is it up, and is [kafka] in penstock.toml right?"
        return KafkaAway(f"Kafka does not answer: {error}", where=servers, hint=hint)
    if isinstance(error, WrongTime):
        hint = "is this machine's clock right? message.timestamp.after.max.ms says how far ahead a record may be"
        return PenstockError(f"Kafka refuses a record's time: {error}", where=servers, hint=hint)
    return PenstockError(f"Kafka fails: {error}", where=servers)
