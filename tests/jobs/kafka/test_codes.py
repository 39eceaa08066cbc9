"""One table for both clients, held against what each of them knows of Kafka's codes."""

from __future__ import annotations

import confluent_kafka
import pytest
from kafka import errors as theirs

from penstock.jobs.kafka.codes import KIND, KINDS
from penstock.jobs.kafka.confluent import failure as confluent_failure
from penstock.jobs.kafka.errors import KafkaFailure, Unanswered, UnknownTopic
from penstock.jobs.kafka.kafka_python import failure as python_failure

#: Kafka's clients ask again for these, too: the topic may be on its way, but it may be gone or another one.
_TOPICS = {3, 100, 103, 106}
#: Of elections and share groups, which no job takes part in.
_NOT_OURS = {84, 122, 123}
#: Not asked again by Kafka's clients; a broker that is not there may come back.
_LATER = {8}


def test_a_code_has_one_meaning() -> None:
    assert sum(map(len, KINDS.values())) == len(KIND)


def test_what_passes_is_what_kafkas_clients_ask_again_for() -> None:
    retriable = {
        error.errno
        for error in vars(theirs).values()
        if isinstance(error, type) and issubclass(error, theirs.BrokerResponseError) and error.retriable
    } - {None}
    assert set(KINDS[Unanswered]) == retriable - _TOPICS - _NOT_OURS | _LATER


@pytest.mark.parametrize("code", [*KIND, 2, 10, 17, 42, 76, 87])
def test_both_clients_report_the_same(code: int) -> None:
    python = python_failure(theirs.for_code(code)("why"))
    fast = confluent_failure(confluent_kafka.KafkaError(code, "why"))
    assert type(python) is type(fast) is KIND.get(code, KafkaFailure)
    assert "why" in str(python) and "why" in str(fast)


@pytest.mark.parametrize("name", ["_TIMED_OUT", "_TRANSPORT", "_ALL_BROKERS_DOWN", "_RESOLVE", "_WAIT_COORD"])
def test_a_broker_that_is_away_passes_for_librdkafka(name: str) -> None:
    assert type(confluent_failure(confluent_kafka.KafkaError(getattr(confluent_kafka.KafkaError, name)))) is Unanswered


@pytest.mark.parametrize("kind", [theirs.KafkaTimeoutError, theirs.KafkaConnectionError, theirs.NodeNotReadyError])
def test_a_broker_that_is_away_passes_for_kafka_python(kind: type[theirs.KafkaError]) -> None:
    assert type(python_failure(kind("why"))) is Unanswered


def test_a_topic_that_is_not_there_does_not_pass() -> None:
    assert KIND[3] is UnknownTopic
