"""A connection to a broker that is asked on the thread that calls: kafka-python's messages, without its event loop.

kafka-python's clients ask through an event loop. One question with its answer takes a dozen turns of it, and in a
process with other threads each turn may wait for Python's lock. Here a question is one write and one read; the loop
only opens the connection, with its TLS and login. This reaches into kafka-python's own classes.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaProtocolError,
    KafkaTimeoutError,
    RequestTimedOutError,
    UnknownBrokerIdError,
)
from kafka.protocol.metadata import MetadataResponse

#: How much is read at once, in bytes.
_READ = 64 << 10
#: A socket takes 0 seconds for something else.
_LEAST_S = 0.0001


class Line:
    """For one thread at a time. It is kept until it is no longer ``open``; whatever fails closes it."""

    def __init__(self, manager: Any, connection: Any, timeout_s: float) -> None:
        self._manager, self._connection, self._timeout_s = manager, connection, timeout_s
        self._transport, self._parser = connection.transport, connection.parser
        self._socket = self._transport._sock
        self._transport.pause_reading()
        self._transport._net.cancel(self._transport._read_task)
        self._transport._net.unregister_event(self._socket, selectors.EVENT_READ)
        # a login that lasts for a while only ends with its connection, and the next one has a new one
        connection._reauth.cancel()
        #: What has no answer yet, in order, and the answers that have come.
        self._written: list[Any] = []
        self._answers: list[Any] = []
        self._asked_at = 0.0

    @property
    def open(self) -> bool:
        """May it be asked? A connection that its broker has closed meanwhile fails then."""
        return bool(self._connection.connected)

    def write(self, requests: Iterable[Any]) -> None:
        """Asks without waiting for the answers. Raises a KafkaError that may pass."""
        for request in requests:
            if request.API_VERSION is None:
                request.API_VERSION = self._connection.broker_version_data.api_version(request)
            self._parser.send_request(request)
            self._written.append(request)
        # kafka-python closes connections on which it sees nothing for long
        self._transport.last_write = self._asked_at = time.monotonic()
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(self._parser.send_bytes())
        except OSError as error:
            raise self._failed(error) from None

    def answers(self, within_s: float) -> list[Any] | None:
        """The answers to all that was written, in order; None, and a later call goes on, when no more come in time.

        Raises a KafkaError that may pass, also where the broker takes longer than any may.
        """
        try:
            while len(self._answers) < len(self._written):
                self._socket.settimeout(max(_LEAST_S, within_s))
                data = self._socket.recv(_READ)
                if not data:
                    raise ConnectionError("the broker has closed the connection")
                self._answers += (answer for _, answer in self._parser.receive_bytes(data))
        except TimeoutError as error:
            if time.monotonic() < self._asked_at + self._timeout_s:
                return None
            raise self._failed(error) from None
        except (OSError, KafkaProtocolError) as error:
            raise self._failed(error) from None
        answers, self._answers, self._written = self._answers, [], []
        return answers

    def ask(self, requests: Iterable[Any]) -> list[Any]:
        """The answers; what was written before is not written again. Raises a KafkaError that may pass."""
        requests = list(requests)
        before = set(map(id, self._written))
        self.write(request for request in requests if id(request) not in before)
        written = self._written
        while (answers := self.answers(self._timeout_s)) is None:
            pass
        found = dict(zip(map(id, written), answers, strict=True))
        return [found[id(request)] for request in requests]

    def _failed(self, error: Exception) -> KafkaError:
        failure: KafkaError = KafkaConnectionError(str(error))
        if isinstance(error, TimeoutError):
            failure = RequestTimedOutError(f"no answer within {self._timeout_s:.0f} s")
        self._manager.run(self._connection.close, failure)
        return failure

    def hang_up(self) -> None:
        """Has a thread that waits for an answer go on without one."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


async def open_line(manager: Any, node: int, name: str, timeout_s: float) -> Line:
    """A line to a broker, for the event loop to run; ``name`` tells it from kafka-python's own connections.

    Raises UnknownBrokerIdError, and what kafka-python does when it cannot connect.
    """
    broker = manager.cluster.broker_metadata(node)
    if broker is None:
        raise UnknownBrokerIdError(node)
    manager.cluster._coordinator_brokers[name] = MetadataResponse.MetadataResponseBroker(
        name, broker.host, broker.port, broker.rack
    )
    connection = manager.get_connection(name)
    try:
        await manager.wait_for(connection.init_future, timeout_s * 1000)
    except KafkaTimeoutError:
        late = RequestTimedOutError("not connected in time")
        connection.close(late)
        raise late from None
    return Line(manager, connection, timeout_s)
