from __future__ import annotations

import socket

from penstock.jobs.process.ports import HOST, PORTS, free_port, port_problem


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port()
    assert port in PORTS
    with socket.create_server((HOST, port)):
        assert port_problem(port) == "Address already in use"


def test_a_port_that_is_about_to_be_taken_is_not_given() -> None:
    assert all(free_port(but=port) != port for port in (free_port() for _ in range(5)))
