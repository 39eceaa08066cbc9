"""Sends bodies over HTTP/1.1 and takes the time of each answer. A process of its own, so that it shares no interpreter.

Run: ``python -m tests.benchmarks.http_load``, with the JSON of a ``Load`` on standard input; prints that of a ``Run``.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import uvloop


@dataclass(frozen=True)
class Load:
    """``bodies`` are sent in turn to ``path``, for so many seconds, by so many connections.

    ``rate``: bodies in a second, each at its own moment whether the ones before are answered or not; 0: each connection
    sends the next body when it has its answer. Bodies of the first ``warm_s`` seconds are not counted.
    """

    port: int
    path: str
    bodies: list[str]
    connections: int
    seconds: float
    rate: float = 0.0
    warm_s: float = 1.0


@dataclass(frozen=True)
class Run:
    """``rate``: answers in a second; ``p50`` and ``p99`` from the moment that a body was due to its answer, in ms."""

    rate: float
    p50: float
    p99: float
    answers: int
    failed: int


def run(load: Load) -> Run:
    """In a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.http_load"]
    done = subprocess.run(command, input=json.dumps(asdict(load)), capture_output=True, text=True, check=True)
    return Run(**json.loads(done.stdout))


class _Connection(asyncio.Protocol):
    """One request at a time; ``idle`` is called when there is none."""

    def __init__(self, state: _State) -> None:
        self._state, self._buffer, self._due = state, b"", 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._state.idle(self)

    def send(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._buffer.lower().index(b"content-length:", 0, head)
        size = head + 4 + int(self._buffer[at + 15 : self._buffer.index(b"\r\n", at)])
        if len(self._buffer) >= size:
            ok, self._buffer = self._buffer[9:12] == b"200", self._buffer[size:]
            self._state.answered(self._due, ok)
            self._state.idle(self)


class _State:
    def __init__(self, load: Load) -> None:
        self._load = load
        lines = "POST {} HTTP/1.1\r\nHost: load\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
        self._requests = [lines.format(load.path, len(body.encode())).encode() + body.encode() for body in load.bodies]
        self._sent = 0
        self._free: list[_Connection] = []
        self._due: list[float] = []
        self.delays: list[float] = []
        self.failed = 0
        self.began = time.perf_counter()
        self.until = self.began + load.warm_s + load.seconds
        self.ended = asyncio.get_running_loop().create_future()

    def idle(self, connection: _Connection) -> None:
        now = time.perf_counter()
        if self._load.rate == 0.0:
            if now < self.until:
                self._send(connection, now)
            elif not self.ended.done():
                self.ended.set_result(None)
        elif self._due:
            self._send(connection, self._due.pop(0))
        else:
            self._free.append(connection)

    def due(self, at: float) -> None:
        if self._free:
            self._send(self._free.pop(), at)
        else:
            self._due.append(at)

    def answered(self, due: float, ok: bool) -> None:
        now = time.perf_counter()
        if due >= self.began + self._load.warm_s:
            self.delays.append(now - due)
            self.failed += not ok

    def _send(self, connection: _Connection, due: float) -> None:
        connection.send(self._requests[self._sent % len(self._requests)], due)
        self._sent += 1


async def _paced(state: _State, load: Load) -> None:
    number = 0
    while (at := state.began + number / load.rate) < state.until:
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        state.due(at)
        number += 1
    await asyncio.sleep(0.5)
    state.ended.set_result(None)


async def _main(load: Load) -> Run:
    loop = asyncio.get_running_loop()
    state = _State(load)
    for _ in range(load.connections):
        await loop.create_connection(lambda: _Connection(state), "127.0.0.1", load.port)
    pacing = asyncio.create_task(_paced(state, load)) if load.rate else None
    await state.ended
    if pacing is not None:
        await pacing
    delays = sorted(state.delays)
    at = [delays[min(len(delays) - 1, int(len(delays) * share))] * 1000 for share in (0.5, 0.99)]
    return Run(len(delays) / load.seconds, at[0], at[1], len(delays), state.failed)


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(_main(Load(**json.loads(sys.stdin.read())))))))
