"""Ports of this machine that nothing listens on."""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"

#: Where free ports are looked for: below those that the system gives to clients (32768 and up). There, a client that
#: reconnects while a server is down could be given the server's own port, and hold it.
PORTS = range(20_000, 32_768)


def free_port(*, but: int | None = None) -> int:
    """A port that can be listened on now, and that is not ``but``, which is about to be taken."""
    return next(port for port in random.sample(PORTS, len(PORTS)) if port != but and port_problem(port) is None)


def port_problem(port: int) -> str | None:
    """Why nothing can listen on a port, or None."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return None
