"""Times of which neither history nor the topic has the events are told; a topic that reaches back is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from penstock.jobs.handover.gap import gaps
from penstock.jobs.handover.record import Handover, SourceHistory
from penstock.jobs.kafka.clients import ensure_topics, producer
from tests.jobs.disturbed import delete_before
from tests.kafka_broker import Kafka
from tests.projects import make_project, unique

DEFINITIONS = """
from penstock import Stream, View, count

orders = Stream("orders", topic="{topic}", history="orders/*.parquet", time="ts", {id}
    columns=dict(id="string", k="string"))
view = View("view", orders, key="k", features=dict(n=count().over("1m")))
"""
CUT, MINUTE = 1_700_000_000_000, 60_000


def gaps_of(
    folder: Path, kafka: Kafka, times: Sequence[int], last: int, *, id: str = 'id="id",', deleted: int = 0
) -> list[str]:
    """Of a topic with events of these times and a history that ends at ``last``, without a silence over a minute."""
    topic = unique("gap")
    project = make_project(folder, DEFINITIONS.format(topic=topic, id=id), servers=kafka.servers)
    ensure_topics(project.config, [topic])
    with producer(project.config) as sender:
        receipts = [sender.send(topic, json.dumps({"ts": t, "id": str(t), "k": "a"}).encode()) for t in times]
        assert all(receipt.get(30) for receipt in receipts)
    if deleted:
        delete_before(project.config, topic, {0: deleted})
    history = SourceHistory((), 10, 0, CUT - 60 * MINUTE, last, MINUTE)
    return gaps(project, Handover(CUT, "", {"orders": history}))


@pytest.mark.parametrize("times", [[CUT - 5 * MINUTE, CUT + 1], [CUT + 1], []])
def test_a_topic_that_begins_where_history_ends_is_no_gap(tmp_path: Path, kafka: Kafka, times: list[int]) -> None:
    assert gaps_of(tmp_path, kafka, times, CUT - 1) == []


def test_a_silence_longer_than_any_in_history_is_told(tmp_path: Path, kafka: Kafka) -> None:
    (words,) = gaps_of(tmp_path, kafka, [CUT + 2 * MINUTE], CUT - 1)
    assert "may be in neither" in words


def test_records_that_are_gone_since_the_cut_over_are_told(tmp_path: Path, kafka: Kafka) -> None:
    (words,) = gaps_of(tmp_path, kafka, [CUT - 1, CUT + 1, CUT + 2], CUT - 1, deleted=2)
    assert "the records between are gone from the topic" in words


def test_a_history_that_ends_before_the_cut_over_is_told(tmp_path: Path, kafka: Kafka) -> None:
    (words,) = gaps_of(tmp_path, kafka, [CUT - 11 * MINUTE, CUT + 1], CUT - 10 * MINUTE)
    assert "only those that are new by their ids count" in words
    (words,) = gaps_of(tmp_path, kafka, [CUT - 11 * MINUTE, CUT + 1], CUT - 10 * MINUTE, id="")
    assert "none of them counts" in words
