"""What the tests of jobs share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.jobs.story import Story, told
from tests.kafka_broker import Kafka, kafka_broker
from tests.postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One broker for all tests: each uses topics, views and groups of its own."""
    with kafka_broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for all tests: each uses a schema of its own."""
    with postgres_server() as running:
        yield running


@pytest.fixture(scope="session")
def story(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Predictions of a real run in which things went wrong: told once, and left as it is."""
    with told(tmp_path_factory.mktemp("story") / "shop", kafka) as finished:
        yield finished
