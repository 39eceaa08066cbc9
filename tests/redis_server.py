"""A real Redis server of one's own, for as long as a block lasts."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from penstock.jobs.process.ports import free_port

_START_SECONDS = 10.0


@dataclass
class RedisServer:
    """A running server on this machine: its port, its process, the file it logs to, and what starts it."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    command: list[str]
    password: str | None = None

    @property
    def connection_string(self) -> str:
        """As Feast's configuration takes it."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Ends the process and waits for it."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        """Stops the server and starts it again; with ``--appendonly yes`` it keeps its data."""
        self.stop()
        self.process = subprocess.Popen(self.command)
        _wait(self, self.password)


@contextmanager
def redis_server(folder: Path, *options: str, password: str | None = None, port: int = 0) -> Iterator[RedisServer]:
    """Starts ``redis-server`` without persistence on a free port, its log in ``folder``; stops it at the end.

    ``options`` are more of its command line. Raises RuntimeError when it is not installed or does not start.
    """
    server = _start(folder, port or free_port(), [*options, *(["--requirepass", password] if password else [])])
    try:
        server.password = password
        _wait(server, password)
        yield server
    finally:
        server.stop()


def _start(folder: Path, port: int, options: list[str]) -> RedisServer:
    binary = shutil.which("redis-server")
    if binary is None:
        raise RuntimeError("redis-server is not installed: 'apt-get install redis-server'")
    log = folder / f"redis-{port}.log"
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    command += ["--dir", str(folder), "--logfile", str(log), *options]
    return RedisServer(port, subprocess.Popen(command), log, command)


def _wait(server: RedisServer, password: str | None) -> None:
    deadline = time.monotonic() + _START_SECONDS
    with Redis(port=server.port, password=password) as client:
        while time.monotonic() < deadline and server.process.poll() is None:
            with suppress(RedisError):
                client.ping()
                return
            time.sleep(0.02)
    raise RuntimeError(f"redis-server does not answer on port {server.port}: {server.log.read_text()}")
