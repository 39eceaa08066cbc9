"""``penstock stream`` as a process while its topics change: aborted transactions, codecs, added partitions, retention,
a topic that is made anew. One story, because each start of Flink takes seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.readback import read_values
from penstock.jobs.process.children import Child
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.overview import look
from penstock.jobs.streaming.starts import read_starts
from penstock.jobs.streaming.status import read_counts, wait_stream
from tests.jobs.disturbed import add_partitions, delete_before, make_anew
from tests.kafka_broker import Kafka
from tests.projects import make_project, unique

DEFINITIONS = """
from penstock import Stream, View, count, lifetime
orders = Stream("orders", topic="{topic}", time="ts", columns=dict(shop="string"))
{view} = View("{view}", orders, key="shop", features=dict(n=count().over(lifetime())))
"""
T = 1_700_000_000_000
PATIENCE_S = 60.0


class Told:
    """The project, its one view, and how many events of shop "a" count so far."""

    def __init__(self, folder: Path, servers: str) -> None:
        self.topic, self.view = unique("orders"), unique("view")
        text = DEFINITIONS.format(topic=self.topic, view=self.view)
        self.project: Project = make_project(folder, text, servers=servers)
        self.config = self.project.config
        ensure_topics(self.config, [self.topic])
        self._starts = 0

    def send(self, number: int, partition: int = 0, aborted: int = 0, **options: Any) -> None:
        """Events; with ``aborted`` in transactions, after others that are taken back."""
        name = {"transactional_id": unique("till")} if aborted else {}
        value = json.dumps({"ts": T, "shop": "a"}).encode()
        with producer(self.config, **name, **options) as sender:
            if aborted:
                sender.init_transactions()
            for count, end in ((aborted, "abort_transaction"), (number, "commit_transaction")):
                if aborted:
                    sender.begin_transaction()
                receipts = [sender.send(self.topic, value, partition=partition) for _ in range(count)]
                assert all(receipt.get(30) for receipt in receipts)
                if aborted:
                    getattr(sender, end)()

    @contextmanager
    def stream(self, *options: str) -> Iterator[Child]:
        """The command, running."""
        self._starts += 1
        log = self.project.folder / f"{self._starts}.log"
        with Child("stream", ["stream", "--project", str(self.project.folder), *options], log) as child:
            wait_stream(self.project, child)
            yield child

    def wait(self, child: Child, number: int) -> None:
        """Until so many events count, and no more."""
        deadline = time.monotonic() + PATIENCE_S
        while self.counted() < number:
            assert time.monotonic() < deadline, child.said()
            child.check()
            time.sleep(0.1)
        assert self.counted() == number

    def wait_seen(self, child: Child) -> None:
        """Until the stream has noted down that its checkpoint has all that the topic has."""
        deadline = time.monotonic() + PATIENCE_S
        while not all(at.position == at.end for at in read_starts(self.config.state / "stream").seen.values()):
            assert time.monotonic() < deadline, child.said()
            time.sleep(0.1)

    def counted(self) -> int:
        """Events of the view in all."""
        return sum(read_counts(self.project).get(self.view, {}).values())

    def ended(self, options: tuple[str, ...] = ()) -> str:
        """What a start says that is refused."""
        log = self.project.folder / "refused.log"
        with Child("stream", ["stream", "--project", str(self.project.folder), *options], log) as child:
            return self.end(child)

    def end(self, child: Child) -> str:
        """What a stream says that ends by itself, with exit code 1."""
        deadline = time.monotonic() + PATIENCE_S
        while child.running:
            assert time.monotonic() < deadline, child.said()
            time.sleep(0.1)
        assert child.code == 1 and "Traceback" not in child.said(), child.said()
        return child.said()

    def newest(self) -> int:
        """The last count in the view's topic."""
        file = self.project.folder / "rows.ndjson"
        read_values(self.project, self.project.names.features(self.view), file)
        last = json.loads(file.read_text().splitlines()[-1])
        return int(last["values"]["n_lifetime"])


def test_what_happens_to_topics_is_noticed_and_nothing_counts_twice(kafka: Kafka, tmp_path: Path) -> None:
    told = Told(tmp_path / "shop", kafka.servers)
    with told.stream() as child:
        told.send(2, aborted=3)
        for codec in ("gzip", "snappy", "lz4", "zstd"):
            told.send(2, compression_type=codec)
        told.wait(child, 10)
        add_partitions(told.config, told.topic, 3)
        told.send(4, partition=2)
        told.wait(child, 14)
        child.stop()
        assert child.code == 0, child.said()

    told.send(5)
    told.send(3, partition=2)
    end = 2 + 3 + 2 + 8 + 5  # two marks of transactions among them
    delete_before(told.config, told.topic, {0: end - 1})
    said = told.ended()
    assert f"4 offsets of {told.topic}-0 no longer exist before they were read" in said and "--accept-loss" in said

    with told.stream("--accept-loss") as child:
        told.wait(child, 14 + 1 + 3)
        assert f"accepted: 4 offsets of {told.topic}-0" in child.said()
        told.send(1, partition=1)
        told.wait(child, 19)
        assert look(told.project).lost == {"orders": 4}
        told.wait_seen(child)
        make_anew(told.config, told.topic)
        assert f"{told.topic} was deleted and made anew: 0 offsets" in told.end(child)

    told.send(30)
    assert "deleted and made anew" in told.ended()
    with told.stream("--accept-loss") as child:
        told.wait(child, 49)
        assert told.newest() == 49
        child.stop()
        assert child.code == 0, child.said()
