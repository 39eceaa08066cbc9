"""A cluster that is asked on the thread that calls, through kafka-python's connections and messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from kafka import TopicPartition
from kafka.errors import (
    BrokerResponseError,
    ConcurrentTransactionsError,
    CoordinatorLoadInProgressError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    NoError,
    RetriableError,
    UnknownBrokerIdError,
    UnknownTopicOrPartitionError,
    for_code,
)
from kafka.net.compat import KafkaNetClient
from kafka.protocol.metadata import ApiVersionsRequest, CoordinatorType, FindCoordinatorRequest
from kafka.version import __version__

from jobs.kafka.kafka_python import connect

#: The pause before a question is asked again, in seconds: the first one, and the longest.
LEAST_S, MOST_S = 0.001, 0.1
#: Errors that pass by themselves: the broker that was asked is the right one.
_PASSING = (ConcurrentTransactionsError, CoordinatorLoadInProgressError)

_CLIENT = {"client_software_name": "kafka-python", "client_software_version": __version__}

_T = TypeVar("_T")


def check(code: int) -> None:
    """Raises what this error code of a broker stands for."""
    kind = for_code(code)
    if kind is not NoError:
        raise kind()


class Exchange:
    """One cluster. Its coroutines run in ``run`` only, which is for one thread at a time; any may ``close`` it.

    ``options``: kafka-python's. Raises Unanswered, with the reason, when no broker answers within ``answer_ms``, and
    LoginRefused.
    """

    def __init__(self, options: Mapping[str, Any], answer_ms: int) -> None:
        self._client: KafkaNetClient = connect(_connected, options, answer_ms)
        self._manager = self._client._manager
        self._coordinators: dict[CoordinatorType, int] = {}
        self._one = threading.Lock()
        self._closed = False
        #: What the cluster knows: topics, partitions and their leaders.
        self.cluster = self._client.cluster

    def run(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Does the work on this thread. Raises what it raises, a KafkaError of kafka-python's mostly."""
        with self._one:
            try:
                done: _T = self._manager.run(work)
            finally:
                if self._closed:
                    self._client.close()
        return done

    def close(self, timeout_s: float) -> None:
        """Ends the connections. What another thread still waits for ends at its next step, and they with it."""
        self._closed = True
        if self._one.acquire(timeout=timeout_s):
            self._client.close()
            self._one.release()

    async def persist(self, step: Callable[[], Awaitable[_T]], within_s: float) -> _T:
        """Takes the step, again and again while it fails for a reason that may pass: a broker that is away, a leader
        or a coordinator that has moved. Raises the last of these when time is up.
        """
        until, pause = time.monotonic() + within_s, LEAST_S
        while True:
            try:
                return await step()
            except (RetriableError, UnknownBrokerIdError) as error:
                if self._closed or time.monotonic() + pause > until:
                    raise self._last(error) from error
                if not isinstance(error, _PASSING):
                    self._coordinators.clear()
                    self.cluster.request_update()
            await self._client._net.sleep(pause)
            pause = min(MOST_S, 2 * pause)

    def _last(self, error: KafkaError) -> KafkaError:
        if isinstance(error, BrokerResponseError):
            return error
        return KafkaTimeoutError(str(self._manager.failure or error) or type(error).__name__)

    def send(self, node: int, request: Any) -> Awaitable[Any]:
        """A request on its way to a broker, its answer to be awaited. Those to one broker are taken in order."""
        sent: Awaitable[Any] = self._manager.send(request, node_id=node)
        return sent

    async def coordinator(self, kind: CoordinatorType, key: str) -> int:
        """The broker that a group's offsets, or a transactional id's transactions, lie with."""
        if kind not in self._coordinators:
            request = FindCoordinatorRequest(key=key, key_type=kind.value, coordinator_keys=[key])
            answer = await self.send(self._any(), request)
            found = answer.coordinators[0] if answer.coordinators else answer
            check(found.error_code)
            self._coordinators[kind] = found.node_id
        return self._coordinators[kind]

    def leader(self, place: TopicPartition) -> int:
        """The broker that takes records for a partition. Raises LeaderNotAvailableError where there is none now."""
        found = self.cluster.leader_for_partition(place)
        if found is None or found < 0:
            raise LeaderNotAvailableError(f"{place.topic}-{place.partition} has no leader")
        return int(found)

    async def learn(self, topic: str) -> None:
        """Asks for a topic's partitions. Raises UnknownTopicOrPartitionError."""
        self.cluster.add_topic(topic)
        await self.cluster.refresh_metadata()
        if topic not in self.cluster.topics():
            raise UnknownTopicOrPartitionError(topic)

    async def level(self, feature: str) -> int:
        """The level of a feature that the whole cluster has agreed on; 0 where it knows nothing of it."""
        answer = await self.send(self._any(), ApiVersionsRequest(**_CLIENT))
        check(answer.error_code)
        return next((each.max_version_level for each in answer.finalized_features or () if each.name == feature), 0)

    def _any(self) -> int:
        node = self._manager.least_loaded_node()
        if node is None:
            raise KafkaConnectionError("no broker is known")
        return int(node)


def _connected(*, kafka_client: Callable[..., KafkaNetClient], bootstrap_timeout_ms: int, **options: Any) -> Any:
    client = kafka_client(**options)
    client._manager.bootstrap(bootstrap_timeout_ms)
    return client
