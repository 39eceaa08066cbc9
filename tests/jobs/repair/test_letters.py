"""Dead letters that are sent again: whole, once, and only what the definitions of today take."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.interface import Headers, Sent
from penstock.jobs.kafka.reading import read_records
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.repair.letters import resend
from tests.jobs.disturbed import delete_before
from tests.jobs.shop import make_project
from tests.kafka_broker import Kafka
from tests.projects import unique

DEFINITIONS = """
from penstock import Stream, View, count, sum

orders = Stream("orders", topic="TOPIC", time="ts", id="order", columns=dict(
    order="string", customer="string", amount="float64"))
visits = Stream("visits", topic="TOPIC-visits", time="ts", columns=dict(page="string", n="int64", m="int64"))
customer = View("customer", orders, key="customer", features=dict(n=count().over("1d")))
pages = View("pages", visits, key="page", features=dict(n=count().over("1d")))
products = View("products", visits, key="page", features=dict(p=sum(visits.n * visits.m).over("1d")))
"""
T = 1_700_000_000_000
LARGE = 1 << 40


class World:
    """A project with topics of its own, and letters as the stream writes them."""

    def __init__(self, folder: Path, servers: str) -> None:
        topic = unique("orders")
        make_project(folder, DEFINITIONS.replace("TOPIC", topic), servers=servers, partitions=2)
        text = (folder / "penstock.toml").read_text()
        (folder / "penstock.toml").write_text(text + f'prefix = "{topic}"\n')
        self.project: Project = load_project(folder)
        self.letters = self.project.names.dead_letters
        ensure_topics(self.project.config, [topic, f"{topic}-visits", self.letters])

    def refuse(
        self,
        source: str,
        value: bytes,
        error: str,
        view: str | None = None,
        headers: Headers | None = None,
        **more: Any,
    ) -> Sent:
        """A record and its letter. ``more``: of the letter."""
        with producer(self.project.config) as sender:
            topic = self.project.topic(source)
            place = sender.send(topic, value, b"key", headers or [], partition=1).get(30)
            letter = {
                "job": "stream",
                "topic": topic,
                "partition": place.partition,
                "offset": place.offset,
                "source": source,
                "view": view,
                "error": error,
                "detail": "…",
                "raw": base64.b64encode(value).decode(),
            }
            sender.send(self.letters, orjson.dumps({**letter, **more}), headers=[("error", error.encode())]).get(30)
        return place

    def sent(self, source: str) -> list[tuple[bytes | None, bytes | None, dict[str, bytes | None]]]:
        """The records of a topic that were sent again: key, value, headers."""
        records = [
            (r.key, r.value, dict(r.headers)) for r in read_records(self.project, self.project.topic(source), None)
        ]
        return [record for record in records if "resent" in record[2]]


@pytest.fixture
def world(kafka: Kafka, tmp_path: Path) -> World:
    return World(tmp_path / "shop", kafka.servers)


def order(**more: Any) -> bytes:
    return orjson.dumps({"order": "o1", "customer": "ann", "amount": 1.5, "ts": T, **more})


def test_what_is_good_now_is_sent_once_with_key_and_headers(world: World) -> None:
    place = world.refuse("orders", order(), "wrong type", headers=[("trace", b"t1")])
    world.refuse("orders", order(amount="much"), "wrong type")
    world.refuse("orders", b"{", "not json")
    world.refuse("orders", order(), "no answer", job="infer cost")
    report = resend(world.project)
    assert (report.letters, report.records, report.sent) == (3, 3, 1)
    assert report.still_bad == {"wrong type": 1, "not json": 1}
    name = f"{place.topic}-{place.partition}-{place.offset}".encode()
    assert world.sent("orders") == [(b"key", order(), {"trace": b"t1", "resent": name})]
    again = resend(world.project)
    assert (again.sent, again.before) == (0, 1)
    assert len(world.sent("orders")) == 1
    # one that is refused once more has a letter, and is sent once more
    second = world.refuse("orders", order(order="o2"), "wrong type", headers=[("resent", name)])
    assert resend(world.project, "orders", "wrong type").sent == 1
    assert world.sent("orders")[-1][2]["resent"] == f"{second.topic}-{second.partition}-{second.offset}".encode()


def test_of_a_record_that_is_gone_the_letter_has_the_bytes(world: World) -> None:
    place = world.refuse("orders", order(), "wrong type")
    large = world.refuse("orders", order(), "wrong type", raw=None)
    delete_before(world.project.config, place.topic, {place.partition: large.offset + 1})
    report = resend(world.project)
    assert (report.sent, report.gone) == (1, 1)
    assert world.sent("orders")[0][:2] == (None, order())


def test_a_view_that_counts_a_record_already_is_not_given_it_twice(world: World) -> None:
    fits = orjson.dumps({"page": "p", "n": 2, "m": 3, "ts": T})
    world.refuse("visits", fits, "overflow", view="products")
    world.refuse("visits", orjson.dumps({"page": "p", "n": LARGE, "m": LARGE, "ts": T}), "overflow", view="products")
    report = resend(world.project)
    assert (report.sent, report.counted, report.still_bad) == (0, 1, {"overflow": 1})
    world.refuse("visits", fits, "wrong type")
    assert resend(world.project, "visits").sent == 1
