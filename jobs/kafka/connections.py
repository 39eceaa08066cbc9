"""Connections that tell why they failed."""

from __future__ import annotations

import functools
from typing import Any

from kafka.errors import KafkaConnectionError, RequestTimedOutError, SaslAuthenticationFailedError
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

#: A broker answers a wrong password and closes the connection, and when both come at once kafka-python reads only
#: that it is closed. So many times in a row that is no accident of the network.
LOGINS = 3


class TellingConnections(KafkaConnectionManager):  # type: ignore[misc]
    """kafka-python's own try on until time is up, whatever the reason, and then do not say it.

    ``failure``: why the last connection failed, if one did.
    """

    failure: Exception | None = None
    _let_in = False
    _closed_logins = 0

    def get_connection(self, node_id: Any, *arguments: Any, **options: Any) -> Any:
        """A connection, as it is asked for. A refused login is not tried again: it is raised."""
        if isinstance(self.failure, SaslAuthenticationFailedError):
            raise self.failure
        connection = super().get_connection(node_id, *arguments, **options)
        connection.init_future.add_callback(self._welcome)
        connection.init_future.add_errback(functools.partial(self._note, connection))
        return connection

    def _welcome(self, done: Any) -> None:
        self._let_in = True

    def _note(self, connection: Any, error: Exception) -> None:
        # that time is up says less than what was before
        if self.failure is None or not isinstance(error, RequestTimedOutError):
            self.failure = error
        if self._at_login(connection) and isinstance(error, KafkaConnectionError):
            self._closed_logins += 1
            if self._closed_logins >= LOGINS:
                self.failure = SaslAuthenticationFailedError("the connection is closed at the login")

    def _at_login(self, connection: Any) -> bool:
        """Has the broker said its version on this connection, and none been let in yet?"""
        return bool(self.config["sasl_mechanism"] and connection.broker_version_data and not self._let_in)


def telling_client(**settings: Any) -> KafkaNetClient:
    """What kafka-python's consumers, producers and administrators rest on, with such connections."""
    net = NetworkSelector(**settings)
    return KafkaNetClient(net, TellingConnections(net, **settings), **settings)
