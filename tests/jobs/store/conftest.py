"""Both stores, each on a project of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from tests.jobs.store.projects import REDIS, SQLITE, make_project
from tests.redis_server import RedisServer, redis_server


@dataclass(frozen=True)
class Engine:
    """A store type and the line of YAML that configures it."""

    type: str
    options: str

    def project(self, folder: Path) -> Path:
        """A project on this store in ``folder``."""
        return make_project(folder, self.type, self.options)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis server for all tests."""
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def empty_redis(server: RedisServer) -> RedisServer:
    """The server without keys."""
    with Redis(port=server.port) as client:
        client.flushall()
    return server


@pytest.fixture(params=[SQLITE, REDIS], ids=["sqlite", "redis"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each store in turn."""
    if request.param == SQLITE:
        return Engine(SQLITE, "path: online.db")
    server: RedisServer = request.getfixturevalue("empty_redis")
    return Engine(REDIS, f"connection_string: {server.connection_string}")


@pytest.fixture
def project(engine: Engine, tmp_path: Path) -> Path:
    """A new project on the engine."""
    return engine.project(tmp_path / "project")
