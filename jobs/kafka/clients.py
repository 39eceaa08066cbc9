"""Kafka clients that all reach the cluster in the same way: consumers, producers, an administrator."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
)
from kafka.net.compat import KafkaNetClient

from features.errors import PenstockError
from jobs.config import LOCAL, Config
from jobs.kafka.connections import telling_client
from jobs.kafka.security import python_options
from jobs.kafka.topics import ensure, require

# at a finer level kafka-python writes every request into the log, that of a login with its password, too
logging.getLogger("kafka").setLevel(logging.INFO)

#: How long a cluster may take to answer a new client, or one request of it, in milliseconds.
ANSWER_MS = 10_000
#: How long a record may be on its way before its sending has failed: a broker's restart fits in.
DELIVERY_MS = 60_000
#: How long the records of a block that has failed are still tried to be sent, in seconds.
CLOSE_S = 5.0

_SHARED = {
    "bootstrap_timeout_ms": ANSWER_MS,
    # after a broker's restart a client is back within a second, not within Kafka's 30
    "reconnect_backoff_max_ms": 1_000,
}
#: Nobody reads kafka-python's own metrics, and they are a third of a small transaction's work.
_UNMEASURED = {"metrics_enabled": False}

#: Fetches large enough that the work for each of them does not count.
_CONSUMER = {
    **_UNMEASURED,
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "allow_auto_create_topics": False,
    "max_partition_fetch_bytes": 4 << 20,
    "fetch_max_bytes": 32 << 20,
    "max_poll_records": 20_000,
}

_PRODUCER = {
    **_UNMEASURED,
    "acks": "all",
    "enable_idempotence": True,
    "compression_type": "lz4",
    "linger_ms": 5,
    "batch_size": 128 << 10,
    "allow_auto_create_topics": False,
    "max_block_ms": ANSWER_MS,
    "request_timeout_ms": ANSWER_MS,
    "delivery_timeout_ms": DELIVERY_MS,
}

#: A commit waits out a whole back-off otherwise.
_TRANSACTIONAL = {"retry_backoff_ms": 1, "linger_ms": 0}


class Producer(KafkaProducer):  # type: ignore[misc]
    """A kafka-python producer that, at the end of a block that has failed, neither waits long nor fails once more."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self.close()
        else:
            with contextlib.suppress(KafkaError):
                self.close(timeout=CLOSE_S)


def consumer(config: Config, topics: Sequence[str] | None, **options: Any) -> KafkaConsumer:
    """A consumer subscribed to ``topics``, or to nothing yet: no auto-commit, from the earliest record.

    ``options`` are kafka-python's and go before these. Raises PenstockError when no broker answers.
    """
    return _client(config, KafkaConsumer, tuple(topics or ()), {**_CONSUMER, **options})


def producer(config: Config, **options: Any) -> Producer:
    """An idempotent producer: acks=all, lz4, small batches at once. With ``transactional_id`` it commits quickly.

    ``options`` are kafka-python's and go before these. Raises PenstockError when no broker answers.
    """
    base = {**_PRODUCER, **(_TRANSACTIONAL if "transactional_id" in options else {})}
    made: Producer = _client(config, Producer, (), {**base, **options})
    return made


def admin(config: Config) -> KafkaAdminClient:
    """An administrator of topics and groups. Raises PenstockError when no broker answers."""
    return _client(config, KafkaAdminClient, (), {"request_timeout_ms": ANSWER_MS})


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
    """Topic → the id that its cluster gave it when it was made: a topic made again is another one."""
    with answering(config), admin(config) as client:
        return {topic["name"]: str(topic["topic_id"]) for topic in client.describe_topics(list(topics))}


@contextlib.contextmanager
def answering(config: Config) -> Iterator[None]:
    """Turns what Kafka's clients raise into one sentence with the address and without secrets."""
    try:
        yield
    except KafkaError as error:
        raise _unanswered(config, error) from None


def _unanswered(config: Config, error: Exception) -> PenstockError:
    servers = ", ".join(python_options(config)["bootstrap_servers"])
    if isinstance(error, SaslAuthenticationFailedError):
        hint = f"username, sasl_mechanism, and the password in {config.kafka.password_env}"
        return PenstockError(f"Kafka refuses the login of {config.kafka.username}", where=servers, hint=hint)
    if isinstance(error, AuthorizationError):
        return PenstockError(f"Kafka does not allow it: {error}", where=servers, hint="its access lists decide")
    if isinstance(error, KafkaTimeoutError):
        hint = "is it up, and is [kafka] in penstock.toml right?"
        return PenstockError(f"Kafka does not answer: {_bare(error)}", where=servers, hint=hint)
    return PenstockError(f"Kafka fails: {error}", where=servers)


def _bare(error: Exception) -> str:
    """Its text without the name of its class, where there is one."""
    return str(error.args[0]) if error.args and error.args[0] else type(error).__name__


def _client(config: Config, kind: Callable[..., Any], arguments: tuple[str, ...], options: dict[str, Any]) -> Any:
    """A client; what a failed one has begun is ended, because its own constructor leaves it running."""
    begun: list[KafkaNetClient] = []

    def connections(**settings: Any) -> KafkaNetClient:
        begun.append(telling_client(**settings))
        return begun[-1]

    with answering(config):
        try:
            return kind(*arguments, **{**_SHARED, **python_options(config), **options}, kafka_client=connections)
        except BaseException as error:
            for client in begun:
                client.close()
            reason = begun[0]._manager.failure if begun else None
            if isinstance(error, KafkaTimeoutError) and reason is not None:
                raise KafkaTimeoutError(_bare(reason)) from None
            raise
