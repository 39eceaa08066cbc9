"""A real PostgreSQL server of one's own, for as long as a block lasts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from penstock.jobs.process.ports import HOST, free_port

_START_SECONDS = 30.0
#: The server refuses to run as root; Debian's package makes this user.
_USER = "postgres"


@dataclass
class PostgresServer:
    """A running server on this machine: its port, its process, and what starts it."""

    port: int
    process: subprocess.Popen[bytes]
    command: list[str]

    @property
    def store(self) -> str:
        """The lines of ``online_store`` in Feast's configuration."""
        own = {"type": "postgres", "host": HOST, "port": self.port, "database": _USER, "user": _USER}
        settings = {**own, "password": "secret", "sslmode": "disable"}
        return "\n".join(f"  {name}: {value}" for name, value in settings.items())

    @property
    def conninfo(self) -> str:
        """As libpq takes it."""
        return f"host={HOST} port={self.port} user={_USER} dbname={_USER} password=secret sslmode=disable"

    def stop(self) -> None:
        """Has the server end its connections and itself, and waits for it."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        """Stops the server and starts it again, with its data."""
        self.stop()
        self.process = _run(self.command)
        _wait(self)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Starts ``postgres`` on a free port, in a folder of its own; stops it at the end and deletes the folder.

    Raises RuntimeError when it is not installed or does not start.
    """
    folder, port = Path(tempfile.mkdtemp(prefix="penstock-postgres-")), free_port()
    data = folder / "data"
    try:
        if os.getuid() == 0:
            shutil.chown(folder, _USER)
        made = [_binary("initdb"), "-D", str(data), "-U", _USER, "-A", "trust", "--no-sync", "-E", "UTF8"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, **_as_nobody())
        command = [_binary("postgres"), "-D", str(data), "-p", str(port), "-c", f"listen_addresses={HOST}"]
        command += ["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "log_destination=stderr"]
        server = PostgresServer(port, _run(command), command)
        try:
            _wait(server)
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binary(name: str) -> str:
    """Debian keeps them by version, and in no PATH."""
    there = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    binary = str(there[-1]) if there else shutil.which(name)
    if binary is None:
        raise RuntimeError("PostgreSQL is not installed: 'apt-get install postgresql'")
    return binary


def _as_nobody() -> dict[str, Any]:
    return {"user": _USER, "cwd": "/"} if os.getuid() == 0 else {}


def _run(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, **_as_nobody())


def _wait(server: PostgresServer) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            psycopg.connect(server.conninfo).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"postgres does not answer on port {server.port}")
