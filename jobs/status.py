"""How far a running stream has come: events counted by the Flink job, rows written by the writer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.errors import PenstockError
from features.ingest import CLASSES
from jobs.children import Child
from jobs.flink.rest import FlinkRest
from jobs.kafka.clients import answering, consumer
from jobs.kafka.interface import Consumer
from jobs.project import FEATURES_TOPIC, WRITER_GROUP, Project

#: Seconds between two looks; and after which a watermark has fired what the last events make due.
POLL_S, SETTLE_S = 0.25, 1.0


@dataclass(frozen=True)
class StreamStatus:
    """``counts``: view → class → events, as the job has them; ``rows``: view → records ever sent to its topic."""

    counts: dict[str, dict[str, int]]
    rows: dict[str, int]


def status_file(project: Project) -> Path:
    """Where a running ``penstock stream`` says how to reach it."""
    return project.config.state / "stream" / "status.json"


def wait_stream(project: Project, child: Child, *, timeout_s: float = 90.0) -> None:
    """Returns when the job runs. Raises PenstockError when its process ends or time is up."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        child.check()
        if _running(project, child):
            return
        time.sleep(POLL_S)
    raise PenstockError(f"the stream did not start within {timeout_s:.0f} s", where=str(child.log))


def _running(project: Project, child: Child) -> bool:
    """A file that a killed stream has left behind names another process."""
    if not status_file(project).is_file():
        return False
    found = _status(project)
    return found["pid"] == child.pid and _rest(found).state() == "RUNNING"


def wait_caught_up(
    project: Project,
    child: Child,
    sent: dict[str, int],
    *,
    timeout_s: float = 600.0,
    progress: Callable[[int], None] = lambda rows: None,
) -> StreamStatus:
    """Returns when the job has counted every event sent (source → events) and the writer every row.

    Raises PenstockError when the stream's process ends, time is up, or more events were counted than sent.
    """
    deadline = time.monotonic() + timeout_s
    counts: dict[str, dict[str, int]] = {}
    with answering(project.config), consumer(project.config, None, group_id=WRITER_GROUP) as reader:
        while time.monotonic() < deadline:
            child.check()
            counts = read_counts(project)
            rows, written = _rows(project, reader)
            progress(written)
            if _counted(project, counts, sent) and written == sum(rows.values()) and _quiet(project, reader, rows):
                return StreamStatus(counts, rows)
            time.sleep(POLL_S)
    raise PenstockError(
        f"the stream did not catch up within {timeout_s:.0f} s",
        where=str(child.log),
        hint=f"sent {sent}, counted {counts}",
    )


def _quiet(project: Project, reader: Consumer, rows: dict[str, int]) -> bool:
    """Rows fired by the last watermark come a moment after the counts; a checkpoint lets out what the sinks hold."""
    time.sleep(SETTLE_S)
    _rest(_status(project)).checkpoint()
    return _rows(project, reader) == (rows, sum(rows.values()))


def _counted(project: Project, counts: dict[str, dict[str, int]], sent: dict[str, int]) -> bool:
    for plan in project.streamed_views:
        names = [source.name for source in plan.source.sources]
        counted, wanted = sum(counts.get(plan.name, {}).values()), sum(sent.get(name, 0) for name in names)
        if counted > wanted:
            raise PenstockError(
                f"{plan.name} has counted {counted} events of {', '.join(names)}, but {wanted} were sent",
                where=", ".join(map(project.topic, names)),
                hint="the topic holds events of an earlier run, or another process sends to it",
            )
        if counted < wanted:
            return False
    return True


def _rows(project: Project, reader: Consumer) -> tuple[dict[str, int], int]:
    """View → records ever sent to its topic; and how many of all of them the writer has done with."""
    rows, written = {}, 0
    for plan in project.streamed_views:
        found = reader.places(FEATURES_TOPIC.format(view=plan.name))
        rows[plan.name] = sum(reader.end_offsets(found).values())
        written += sum(reader.committed(place) or 0 for place in found)
    return rows, written


def _status(project: Project) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(status_file(project).read_text())
    except (OSError, json.JSONDecodeError):
        raise PenstockError(
            "no stream is running", where=str(status_file(project)), hint="run 'penstock stream'"
        ) from None
    return found


def _rest(status: dict[str, Any]) -> FlinkRest:
    return FlinkRest(status["rest"], status["job"])


def running_job(project: Project) -> FlinkRest:
    """The job of the running stream. Raises PenstockError when none runs."""
    return _rest(_status(project))


def read_counts(project: Project) -> dict[str, dict[str, int]]:
    """View → class → events so far, summed over the job's subtasks. Raises PenstockError when no stream runs."""
    counts: dict[str, dict[str, int]] = {}
    for (view, _), by_class in read_counts_of_sources(project).items():
        whole = counts.setdefault(view, dict.fromkeys(CLASSES, 0))
        for name, value in by_class.items():
            whole[name] += value
    return counts


def read_counts_of_sources(project: Project) -> dict[tuple[str, str], dict[str, int]]:
    """(View, source) → class → events so far, as ``read_counts``."""
    counts: dict[tuple[str, str], dict[str, int]] = {}
    for (view, *of, counter), value in _metrics(running_job(project), "penstock"):
        # penstock.<view>.<counter>, of a union penstock.<view>.<stream>.<counter>
        if counter in CLASSES:
            source = of[0] if of else str(project.plans[view].source.name)
            counts.setdefault((view, source), dict.fromkeys(CLASSES, 0))[counter] += value
    return counts


def read_dead(project: Project) -> dict[str, dict[str, int]]:
    """Source → reason → dead letters so far. Raises PenstockError when no stream runs."""
    dead: dict[str, dict[str, int]] = {}
    for (source, reason), value in _metrics(running_job(project), "penstock_dead"):
        dead.setdefault(source, {})[reason.replace("_", " ")] = value
    return dead


def _metrics(rest: FlinkRest, kind: str) -> Iterator[tuple[list[str], int]]:
    """The parts of a metric's name after its kind, and its number, summed over subtasks."""
    for path, value in rest.metrics(f".{kind}.").items():
        yield path.rsplit(f".{kind}.", 1)[1].split("."), value
