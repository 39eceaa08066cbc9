"""A cluster that is asked on the thread that calls, over lines; kafka-python's event loop learns where topics lie.

This reaches into kafka-python's own classes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
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
    NodeNotReadyError,
    NoError,
    RetriableError,
    UnknownBrokerIdError,
    UnknownTopicOrPartitionError,
    for_code,
)
from kafka.net.compat import KafkaNetClient
from kafka.protocol.metadata import ApiVersionsRequest, CoordinatorType, FindCoordinatorRequest
from kafka.version import __version__

from penstock.jobs.kafka.kafka_python import bare, connect
from penstock.jobs.kafka.line import Line, open_line

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
    """One cluster. Everything but ``close`` is for one thread at a time; what may wait, in a step of ``persist``.

    ``options``: kafka-python's. Raises Unanswered, with the reason, when no broker answers within ``answer_ms``, and
    LoginRefused.
    """

    def __init__(self, options: Mapping[str, Any], answer_ms: int) -> None:
        self._client: KafkaNetClient = connect(_connected, options, answer_ms)
        self._manager = self._client._manager
        self._timeout_s = options["request_timeout_ms"] / 1000
        self._lines: dict[int, Line] = {}
        self._coordinators: dict[tuple[CoordinatorType, str], int] = {}
        self._one = threading.Lock()
        self._closed = False
        self._cluster = self._client.cluster

    def close(self, timeout_s: float) -> None:
        """Ends the connections, and what another thread still waits for after so many seconds."""
        self._closed = True
        if self._one.acquire(timeout=timeout_s):
            self._client.close()
            self._one.release()
        for line in list(self._lines.values()):
            line.hang_up()

    def persist(self, step: Callable[[], _T], within_s: float) -> _T:
        """Takes the step, again and again while it fails for a reason that may pass: a broker that is away, a leader
        or a coordinator that has moved. Raises the last of these when time is up.
        """
        until, pause = time.monotonic() + within_s, LEAST_S
        with self._one:
            try:
                while True:
                    try:
                        return step()
                    except (RetriableError, UnknownBrokerIdError) as error:
                        if self._closed or time.monotonic() + pause > until:
                            raise self._last(error) from error
                        self._doubt(error)
                    time.sleep(pause)
                    pause = min(MOST_S, 2 * pause)
            finally:
                if self._closed:
                    self._client.close()

    def _last(self, error: KafkaError) -> KafkaError:
        if isinstance(error, BrokerResponseError):
            return error
        # one that waits until it may connect again does not say why it must
        reason = self._manager.failure if isinstance(error, NodeNotReadyError) else None
        return KafkaTimeoutError(bare(reason or error))

    def _doubt(self, error: KafkaError) -> None:
        """Forgets who was asked, unless it was the right one."""
        if not isinstance(error, _PASSING):
            self._coordinators.clear()
            with suppress(RetriableError, UnknownBrokerIdError):
                self._manager.run(self._cluster.refresh_metadata)

    def ask(self, node: int, *requests: Any) -> list[Any]:
        """A broker's answers. It takes the requests in order, those that it has already been asked first."""
        return self._line(node).ask(requests)

    def begin_to_ask(self, kind: CoordinatorType, key: str, request: Any) -> bool:
        """Has a coordinator begin with a request that a later ``ask`` gets the answer to.

        False, and nothing is done, where that would take any waiting: it is not known, or not connected.
        """
        line = self._lines.get(self._coordinators.get((kind, key), -1))
        if line is None or not line.open:
            return False
        with suppress(RetriableError):  # it may have come all the same: ``ask`` says
            line.write([request])
        return True

    def _line(self, node: int) -> Line:
        line = self._lines.get(node)
        if line is None or not line.open:
            line = self._manager.run(open_line, self._manager, node, f"exchange-{node}", self._timeout_s)
            self._lines[node] = line
        return line

    def coordinator(self, kind: CoordinatorType, key: str) -> int:
        """The broker that a group's offsets, or a transactional id's transactions, lie with."""
        if (kind, key) not in self._coordinators:
            request = FindCoordinatorRequest(key=key, key_type=kind.value, coordinator_keys=[key])
            (answer,) = self.ask(self._any(), request)
            found = answer.coordinators[0] if answer.coordinators else answer
            check(found.error_code)
            self._coordinators[kind, key] = found.node_id
        return self._coordinators[kind, key]

    def leader(self, place: TopicPartition) -> int:
        """The broker that takes records for a partition. Raises UnknownTopicOrPartitionError, and
        LeaderNotAvailableError where there is none now.
        """
        self.partitions(place.topic)
        found = self._cluster.leader_for_partition(place)
        if found is None or found < 0:
            raise LeaderNotAvailableError(f"{place.topic}-{place.partition} has no leader")
        return int(found)

    def partitions(self, topic: str) -> int:
        """How many a topic has. Raises UnknownTopicOrPartitionError."""
        known = self._cluster._partitions.get(topic)
        if known is None:
            self._cluster.add_topic(topic)
            self._manager.run(self._cluster.refresh_metadata)
            known = self._cluster._partitions.get(topic)
        if known is None:
            raise UnknownTopicOrPartitionError(topic)
        return len(known)

    def level(self, feature: str) -> int:
        """The level of a feature that the whole cluster has agreed on; 0 where it knows nothing of it."""
        (answer,) = self.ask(self._any(), ApiVersionsRequest(**_CLIENT))
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
