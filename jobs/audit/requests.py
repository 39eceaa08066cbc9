"""Requests by the ids that predictions have: ``<topic>-<partition>-<offset>``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from penstock.features.ingest import Row
from penstock.features.plan import ModelPlan
from penstock.jobs.audit.known import good_row
from penstock.jobs.kafka.reading import bounds, read_records
from penstock.jobs.project.project import Project


def place_of(id: str) -> tuple[str, int, int] | None:
    """Topic, partition and offset; None for what is no id."""
    topic, *numbers = id.rsplit("-", 2)
    if len(numbers) != 2 or not topic or not all(n.isascii() and n.isdigit() for n in numbers):
        return None
    return topic, int(numbers[0]), int(numbers[1])


def read_requests(project: Project, plan: ModelPlan, ids: Sequence[str]) -> dict[str, Row]:
    """The rows of those requests that their topic still holds; it is read from the first to the last of them."""
    topic = project.topic(plan.on.name)
    wanted = {place[1:]: id for id in ids if (place := place_of(id)) is not None and place[0] == topic}
    spans: dict[int, tuple[int, int]] = {}
    for partition, offset in wanted:
        first, last = spans.get(partition, (offset, offset))
        spans[partition] = (min(first, offset), max(last, offset))
    starts = {partition: end for partition, (_, end) in bounds(project, topic).items()}
    starts |= {partition: first for partition, (first, _) in spans.items()}
    rows: dict[str, Row] = {}
    open_ones = set(spans)
    with closing(read_records(project, topic, None, starts)) as records:
        for record in records:
            id = wanted.get((record.partition, record.offset))
            row = good_row(plan.on, record) if id is not None else None
            if id is not None and row is not None:
                rows[id] = row
            if record.partition in open_ones and record.offset >= spans[record.partition][1]:
                open_ones.discard(record.partition)
                if not open_ones:
                    break
    return rows
