"""How far a consumer group is behind the end of its topics, from what the cluster knows of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from jobs.config import Config
from jobs.kafka.clients import admin, answering
from jobs.project import Project


@dataclass(frozen=True)
class Progress:
    """Of one topic, summed over its partitions: ``end``: records ever sent; ``done``: those the group is past.

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
    with answering(config), admin(config) as client:
        return progress_by(client, wanted)


def progress_by(client: KafkaAdminClient, wanted: Iterable[Pair]) -> dict[Pair, Progress]:
    """The same, from an administrator that is there already; raises what it raises."""
    pairs = sorted(set(wanted))
    places = _places(client, {topic for _, topic in pairs})
    ends = _offsets(client, places, OffsetSpec.LATEST)
    begins = _offsets(client, places, OffsetSpec.EARLIEST)
    done = {group: _committed(client, group) for group in {group for group, _ in pairs}}
    found = {}
    for group, topic in pairs:
        of_topic = [place for place in places if place.topic == topic]
        if of_topic:
            reached = sum(done[group].get(place, begins[place]) for place in of_topic)
            found[group, topic] = Progress(sum(ends[place] for place in of_topic), reached)
    return found


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
