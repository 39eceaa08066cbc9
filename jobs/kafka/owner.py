"""Which project a prefix or an output topic belongs to on a Kafka cluster: another project is refused."""

from __future__ import annotations

from contextlib import closing

from penstock.features.errors import RefusedError
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.kafka.interface import Record
from penstock.jobs.kafka.reading import bounds, read_records
from penstock.jobs.project.config import FILE
from penstock.jobs.project.project import Project

#: The header of predictions that names their project.
PROJECT = "project"

#: How many offsets before a topic's end are looked at: transactions have marks and aborted records among them.
NEWEST = 100
#: How long the first record may be on its way, in seconds.
CLAIM_S = 10.0


def claim(project: Project) -> None:
    """Makes the prefix of the project's names its own. Raises RefusedError when it belongs to another project.

    The first record of the topic ``<prefix>.project`` decides, also between projects that start at the same time.
    """
    config = project.config
    topic, name = config.names.owner, config.project
    ensure_topics(config, [topic])
    if _owner(project, topic) is None:
        with producer(config) as sender:
            sender.send(topic, name.encode()).get(CLAIM_S)
    owner = _owner(project, topic)
    if owner != name:
        raise RefusedError(
            f"the names {config.names.prefix}.… belong to the project {owner!r} on this Kafka",
            where=f"the first record of the topic {topic}",
            allowed=f"a prefix of its own for the project {name!r}",
            hint=f"set prefix in [kafka] of {FILE}; if that project is gone, delete its topics, {topic} too",
        )


def _owner(project: Project, topic: str) -> str | None:
    """What the first record says; None in an empty topic."""
    with closing(read_records(project, topic, None)) as records:
        first = next(records, None)
    return None if first is None else (first.value or b"").decode(errors="replace")


def check_output(project: Project, topic: str) -> None:
    """Raises RefusedError when the newest predictions of an output topic are another project's."""
    starts = {partition: max(first, end - NEWEST) for partition, (first, end) in bounds(project, topic).items()}
    with closing(read_records(project, topic, None, starts)) as records:
        newest = {record.partition: record for record in records}
    for record in newest.values():
        _check_record(project.config.project, record)


def _check_record(name: str, record: Record) -> None:
    owner = dict(record.headers).get(PROJECT)
    if owner != name.encode():
        other = "no project" if owner is None else f"the project {owner.decode(errors='replace')!r}"
        raise RefusedError(
            f"the output topic {record.topic} has records of {other}",
            where=f"{record.topic}-{record.partition} offset {record.offset}",
            allowed=f"an output topic of its own for the project {name!r}",
            hint="change output= of the model: the topic is not part of its fingerprint",
        )
