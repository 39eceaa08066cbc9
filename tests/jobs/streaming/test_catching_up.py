"""A first start of ``penstock stream`` that reads one history from topics of 1 to 12 partitions: every value and every
count is batch's. Records far ahead of their time lie among them, and no partition may believe one.

One job, because each start of Flink takes seconds.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from penstock.features.ingest import Row
from penstock.features.oracle import batch
from penstock.features.plan import ViewPlan
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.readback import read_values
from penstock.jobs.process.children import Child
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.status import read_counts, wait_caught_up, wait_stream
from tests.kafka_broker import Kafka
from tests.projects import config, make_project, unique

SOURCE = """
{topic} = Stream("{topic}", topic="{topic}", time="ts", id="order",
    columns=dict(order="string", shop="int64", amount="float64"))
{topic}_shop = View("{topic}_shop", {topic}, key="shop", features=dict(
    n=count().over("1d", lifetime(), session("2h")), amount=sum({topic}.amount).over("1d", lifetime())))
"""
PARTITIONS = (1, 2, 3, 7, 12)
START, DAY, EVENTS, DAYS, SHOPS = 1_700_000_000_000, 86_400_000, 3_000, 100, 20
#: Two events of every thirty carry the id of one before.
EVERY = 30
FAR = 253_370_764_800_000


def history(seed: int) -> list[Row]:
    """In event-time order, over many times the lateness; the last events of all are far behind them."""
    rand, step = random.Random(seed), DAYS * DAY // EVENTS
    times = [START + i * step + rand.randrange(step) for i in range(EVENTS)]
    rows = [
        dict(order=str(i), shop=rand.randrange(SHOPS), amount=round(rand.gauss(9, 9), 2), ts=t)
        for i, t in enumerate(times)
    ]
    for i in range(EVERY, EVENTS, EVERY):
        rows[i]["order"] = rows[i - 1]["order"]
    return rows


def poison(project: Project, topic: str, partitions: int, row: Row) -> None:
    """In each partition: years from now, without a Kafka timestamp, which only kafka-python sends; and far later than
    all before it, but not ahead of the clock.
    """
    plain = config(project.folder, project.config.kafka.bootstrap_servers, client="kafka-python")
    with producer(plain) as sender:
        receipts = [
            sender.send(topic, json.dumps(row | changed).encode(), partition=place, timestamp_ms=at)
            for place in range(partitions)
            for changed, at in (({"order": "far", "ts": FAR}, -1), (ahead(place), None))
        ]
        assert all(receipt.get(30) for receipt in receipts)


def ahead(place: int) -> Row:
    """An event of a shop of its own, two years after its neighbours."""
    return dict(order=f"ahead {place}", shop=-1, ts=START + 730 * DAY)


def send(project: Project, topic: str, partitions: int, rows: list[Row], seed: int) -> None:
    """Each event to a partition by chance, the first getting most; a repeated id to the partition of the first."""
    rand, places = random.Random(seed), {}
    weights = [partitions * 2, *([1] * (partitions - 1))]
    with producer(project.config) as sender:
        receipts = []
        for row in rows:
            place = places.setdefault(row["order"], rand.choices(range(partitions), weights)[0])
            receipts.append(sender.send(topic, json.dumps(row).encode(), partition=place, timestamp_ms=row["ts"]))
        assert all(receipt.get(30) for receipt in receipts)


def rows_of(project: Project, view: str) -> dict[tuple[Any, int], tuple[int, list[Any]]]:
    """The last row of each key and time: its number, its values."""
    file = project.folder / f"{view}.ndjson"
    read_values(project, project.names.features(view), file)
    last: dict[tuple[Any, int], tuple[int, list[Any]]] = {}
    for line in file.read_text().splitlines():
        row = json.loads(line)
        place, new = (row["key"]["shop"], row["t"]), (row["seq"], list(row["values"].values()))
        last[place] = max(last.get(place, (-1, [])), new, key=lambda each: each[0])
    return last


def newest(places: Iterable[tuple[Any, int]]) -> set[tuple[Any, int]]:
    """The last time of each key."""
    return set({key: t for key, t in sorted(places)}.items())


def wanted_of(plan: ViewPlan, rows: list[Row]) -> tuple[dict[tuple[Any, int], list[Any]], dict[str, int]]:
    result = batch(plan, list(rows))
    return {(key[0], t): list(values) for key, t, _, values in result.rows}, vars(result.counts)


@pytest.mark.timeout(300)
def test_over_any_number_of_partitions_a_backlog_gives_what_batch_gives(kafka: Kafka, tmp_path: Path) -> None:
    topics = {number: unique(f"orders{number}") for number in PARTITIONS}
    text = "from penstock import Stream, View, count, lifetime, session, sum\n"
    text += "".join(SOURCE.format(topic=topic) for topic in topics.values())
    project = make_project(tmp_path, text, servers=kafka.servers)
    rows = history(7)
    for number, topic in topics.items():
        ensure_topics(config(tmp_path, kafka.servers, partitions=number), [topic])
        send(project, topic, number, rows[: EVENTS // 2], number)
        poison(project, topic, number, rows[0])
        send(project, topic, number, rows[EVENTS // 2 :], number + 1)
    sent = {topic: EVENTS + 2 * number for number, topic in topics.items()}
    with Child("stream", ["stream", "--project", str(tmp_path)], tmp_path / "stream.log") as child:
        wait_stream(project, child)
        wait_caught_up(project, child, sent)
        counts = read_counts(project)
        child.stop()
        assert child.code == 0, child.said()
    for number, topic in topics.items():
        view = f"{topic}_shop"
        wanted, of_batch = wanted_of(project.plans[view], [*rows, *(rows[0] | ahead(place) for place in range(number))])
        assert counts[view] == {**of_batch, "dead": number, "before_cut": 0}, number
        got = {place: values for place, (_, values) in rows_of(project, view).items()}
        # over several partitions an event may come after a row that it would have changed; the last row has all
        compared = got if number == 1 else {place: got[place] for place in newest(got)}
        assert compared == {place: wanted[place] for place in compared}, number
        assert len(compared) > SHOPS - 1
