"""A server of one's own on a thread, and what asks it."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from penstock.jobs.http.run import serve
from penstock.jobs.project.config import ServeConfig
from penstock.jobs.project.project import Project
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from penstock.jobs.store.schema import schema_of
from tests.jobs.serving.running import PATIENCE_S, T, train_model, wait_until
from tests.jobs.shop import make_project

CUSTOMERS = [f"c{number}" for number in range(50)]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        """The body, read."""
        return orjson.loads(self.body)


class Server:
    """``lines``: what it said. ``stop`` ends it."""

    def __init__(self, project: Project, models: Sequence[str], options: Mapping[str, Any]) -> None:
        self.lines: list[str] = []
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self._project, self._models, self._options = project, models, options
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        wait_until(lambda: self.address or self.error, "server")
        if self.error is not None:
            raise self.error

    @property
    def address(self) -> str | None:
        """Where it listens, once it does."""
        return next((line.rpartition(" ")[2] for line in list(self.lines) if line.startswith("serve: ")), None)

    @property
    def port(self) -> int:
        """Where it listens."""
        port = urlsplit(str(self.address)).port
        assert port is not None
        return port

    def _run(self) -> None:
        try:
            serve(self._project, self._models, self.stop, told=self.lines.append, **self._options)
        except BaseException as error:
            self.error = error

    def connect(self, tls: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
        """A connection, which stays open."""
        if tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE_S, context=tls)

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> Answer:
        """One request by a connection of its own; GET without a body. ``body``: bytes, or what JSON can say."""
        connection = self.connect(tls)
        try:
            return ask(connection, path, body, headers)
        finally:
            connection.close()


def ask(connection: http.client.HTTPConnection, path: str, body: Any, headers: Any = None) -> Answer:
    """One request by a connection that is there."""
    raw = body if body is None or isinstance(body, bytes) else orjson.dumps(body)
    connection.request("GET" if raw is None else "POST", path, raw, dict(headers or {}))
    response = connection.getresponse()
    return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})


@contextmanager
def serving(
    project: Project, models: Sequence[str] = ("cost",), options: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[Server]:
    """A server at a free port until the block ends. ``settings``: of ``[serve]``; ``options``: of ``serve``."""
    config = project.config.model_copy(update={"serve": ServeConfig(**{"port": 0, "deadline_ms": 60_000, **settings})})
    server = Server(replace(project, config=config), models, options or {})
    try:
        yield server
    finally:
        server.stop.set()
        server.thread.join(PATIENCE_S)
    assert not server.thread.is_alive()


def make_shop(folder: Path, **settings: Any) -> Project:
    """The shop with a model, and rows of its customers, two of their shops and a city."""
    project = make_project(folder, **settings)
    project.config.state.mkdir(exist_ok=True)
    train_model(project.config.state, project.model("cost").model_plan)
    know(project)
    return project


def know(project: Project, t: int = T, seq: int = 1) -> None:
    """Writes rows of that time into the store."""
    rows = {
        "customer": [FeatureRow((name,), t, seq, (n, n + 3, n / 7, n % 5 or None)) for n, name in enumerate(CUSTOMERS)],
        "big": [FeatureRow((f"s{n}",), t - 5, seq, (n, 2 * n)) for n in range(2)],
        "routes": [FeatureRow(("s0", "x"), t - 9, seq, (0.1, True))],
        "weather": [FeatureRow(("x",), t - 60_000, seq, (0.25,))],
    }
    with open_store(project.folder) as store:
        for view, found in rows.items():
            store.write_rows(schema_of(project.plans[view]), found)


def order(number: int) -> dict[str, Any]:
    """A request; each is another one."""
    return {
        "ts": T,
        "order": f"o{number}",
        "customer": CUSTOMERS[number % len(CUSTOMERS)],
        "shop": f"s{number % 3}",
        "city": "xy"[number % 2],
        "amount": number / 3,
        "items": number % 4,
        "gift": number % 2 == 0,
        "placed": T - number,
    }
