"""How far a consumer group is behind the end of its topics, from what the cluster knows of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from penstock.jobs.kafka.clients import admin, answering
from penstock.jobs.kafka.interface import Place
from penstock.jobs.kafka.reading import count_records
from penstock.jobs.project.config import Config
from penstock.jobs.project.project import Project

#: So many offsets of a topic are looked at one by one: those of a transaction's end mark and of aborted records are no
#: lag. Of a greater distance they are a small part.
EXACT = 5_000


@dataclass(frozen=True)
class Progress:
    """Of one topic, summed over its partitions: ``end``: offsets ever given; ``done``: those the group is past, with
    those after its last record that hold no committed record.

    A group that has committed nothing for a partition is at its beginning.
    """

    end: int
    done: int

    @property
    def lag(self) -> int:
        """Records that the group has not committed yet."""
        return max(0, self.end - self.done)


#: Of a topic that does not exist.
NOTHING = Progress(0, 0)

#: A group and a topic that it reads.
Pair = tuple[str, str]


def written_by_stream(project: Project) -> dict[str, Pair]:
    """View → what the writer reads of it, for every view that is streamed."""
    names = project.names
    return {plan.name: (names.writer_group, names.features(plan.name)) for plan in project.streamed_views}


def read_by_stream(project: Project) -> dict[str, Pair]:
    """Source → what the Flink job reads of it, for every source that is streamed."""
    return {source: (project.names.stream_group, project.topic(source)) for source in project.streamed}


def progress(config: Config, wanted: Iterable[Pair]) -> dict[Pair, Progress]:
    """How far each group is in its topic; a topic that does not exist is left out.

    Raises PenstockError when no broker answers.
    """
    with answering(config):
        with admin(config) as client:
            spans = _spans(client, wanted)
        return {pair: _progress(each) if _far(each) else _exact(config, each) for pair, each in spans.items()}


def progress_by(client: KafkaAdminClient, wanted: Iterable[Pair]) -> dict[Pair, Progress]:
    """The same by offsets alone, from an administrator that is there already; raises what it raises."""
    return {pair: _progress(spans) for pair, spans in _spans(client, wanted).items()}


#: Partition → the group's offset and the end.
Spans = dict[Place, tuple[int, int]]


def _spans(client: KafkaAdminClient, wanted: Iterable[Pair]) -> dict[Pair, Spans]:
    pairs = sorted(set(wanted))
    places = _places(client, {topic for _, topic in pairs})
    ends = _offsets(client, places, OffsetSpec.LATEST)
    begins = _offsets(client, places, OffsetSpec.EARLIEST)
    done = {group: _committed(client, group) for group in {group for group, _ in pairs}}
    found: dict[Pair, Spans] = {}
    for group, topic in pairs:
        for place in places:
            if place.topic == topic:
                reached = max(begins[place], done[group].get(place, 0))
                found.setdefault((group, topic), {})[Place(*place)] = reached, ends[place]
    return found


def _progress(spans: Spans) -> Progress:
    return Progress(sum(end for _, end in spans.values()), sum(reached for reached, _ in spans.values()))


def _far(spans: Spans) -> bool:
    return not 0 < _progress(spans).lag <= EXACT


def _exact(config: Config, spans: Spans) -> Progress:
    end = _progress(spans).end
    return Progress(end, end - count_records(config, spans))


@dataclass(frozen=True)
class Reached:
    """A partition: its first offset, the one that comes next, and the group's, None where it has committed nothing."""

    first: int
    end: int
    committed: int | None


def reached_by(config: Config, group: str, topics: Iterable[str]) -> dict[Place, Reached]:
    """How far a group is in each partition of these topics. Raises PenstockError when no broker answers."""
    with answering(config), admin(config) as client:
        places = _places(client, set(topics))
        first, ends = _offsets(client, places, OffsetSpec.EARLIEST), _offsets(client, places, OffsetSpec.LATEST)
        done = _committed(client, group)
        return {Place(*place): Reached(first[place], ends[place], done.get(place)) for place in places}


def _places(client: KafkaAdminClient, topics: set[str]) -> list[TopicPartition]:
    there = topics & set(client.list_topics())
    described = client.describe_topics(sorted(there)) if there else []
    return [
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in described
        for partition in topic["partitions"]
    ]


def _offsets(client: KafkaAdminClient, places: list[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, int]:
    if not places:
        return {}
    found = client.list_partition_offsets(dict.fromkeys(places, spec))
    return {place: at.offset for place, at in found.items()}


def _committed(client: KafkaAdminClient, group: str) -> dict[TopicPartition, int]:
    return {place: at.offset for place, at in client.list_group_offsets(group)[group].items() if at.offset >= 0}
