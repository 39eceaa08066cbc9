"""How far a running stream has come: events counted by the Flink job, rows written by the writer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient

from penstock.features.errors import PenstockError
from penstock.features.ingest import CLASSES as ANY_CLASSES
from penstock.jobs.kafka.clients import admin, answering
from penstock.jobs.kafka.lag import NOTHING, progress_by, written_by_stream
from penstock.jobs.process.children import Child
from penstock.jobs.process.exclusive import exclusive
from penstock.jobs.process.waiting import until
from penstock.jobs.process.whole_file import write_whole
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.rest import FlinkRest

#: Seconds between two looks; and after which a watermark has fired what the last events make due.
POLL_S, SETTLE_S = 0.25, 1.0

#: What can become of an event in the stream. ``before_cut``: of the time that history owns, and not shown to be new.
CLASSES = (*ANY_CLASSES, "before_cut")

#: What Flink calls the job's counters: view, of a union the stream, class; source, reason.
_EVENTS = re.compile(rf"\.penstock\.(\w+)(?:\.(\w+))?\.({'|'.join(CLASSES)})$")
_DEAD = re.compile(r"\.penstock_dead\.(\w+)\.(\w+)$")


@dataclass(frozen=True)
class StreamStatus:
    """``counts``: view → class → events, as the job has them; ``rows``: view → records ever sent to its topic."""

    counts: dict[str, dict[str, int]]
    rows: dict[str, int]


@dataclass(frozen=True)
class Counted:
    """What the job has so far. ``of_sources``: (view, source) → class → events; ``dead``: source → reason → letters."""

    of_sources: dict[tuple[str, str], dict[str, int]]
    dead: dict[str, dict[str, int]]


#: The share of a source's events that may be too late before somebody should know.
LATE_SHARE = 0.01


@dataclass(frozen=True)
class Late:
    """A view of whose events from a source too many came too late."""

    view: str
    source: str
    too_late: int
    events: int

    @property
    def percent(self) -> float:
        """Their share."""
        return 100 * self.too_late / self.events

    @property
    def hint(self) -> str:
        """What to do."""
        return f"give {self.source} a longer disorder= or lateness=, and backfill the view"

    @property
    def words(self) -> str:
        """What is wrong, and what to do."""
        return (
            f"{self.view}: {self.too_late:,} of {self.events:,} events of {self.source} ({self.percent:.1f} %) came "
            f"too late and are not in its values; {self.hint}"
        )


def late(of_sources: Mapping[tuple[str, str], Mapping[str, int]]) -> list[Late]:
    """The views and sources with more than ``LATE_SHARE`` of their events too late."""
    found = [
        Late(view, source, counts.get("too_late", 0), sum(counts.values()))
        for (view, source), counts in of_sources.items()
    ]
    return [each for each in found if each.too_late > LATE_SHARE * each.events]


@dataclass(frozen=True)
class Kept:
    """What the job had counted at ``t`` (milliseconds): what is known of one that has ended."""

    t: int
    counted: Counted


def keep_counted(project: Project, rest: FlinkRest) -> Counted:
    """Writes down what the job has counted, and returns it. Raises PenstockError when it does not answer."""
    counted = read_counted(project, rest)
    events = [[view, source, counts] for (view, source), counts in counted.of_sources.items()]
    text = json.dumps({"t": time.time_ns() // 1_000_000, "events": events, "dead": counted.dead})
    write_whole(_kept_file(project), text)
    return counted


def kept_counted(project: Project) -> Kept | None:
    """What ``keep_counted`` has written last; None where there is nothing of it."""
    try:
        found = json.loads(_kept_file(project).read_text())
        events = {(view, source): counts for view, source, counts in found["events"]}
        return Kept(found["t"], Counted(events, found["dead"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _kept_file(project: Project) -> Path:
    return project.config.state / "stream" / "counts.json"


def status_file(project: Project) -> Path:
    """Where a running ``penstock stream`` says how to reach it."""
    return project.config.state / "stream" / "status.json"


def wait_stream(project: Project, child: Child, *, timeout_s: float = 90.0) -> None:
    """Returns when the job runs. Raises PenstockError when its process ends or time is up."""

    def runs() -> bool:
        child.check()
        return _running(project, child)

    if not until(runs, timeout_s, POLL_S):
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
    with answering(project.config), admin(project.config) as client:
        while time.monotonic() < deadline:
            child.check()
            counts = read_counts(project)
            rows, written = _rows(project, client)
            progress(written)
            if _counted(project, counts, sent) and written == sum(rows.values()) and _quiet(project, client, rows):
                return StreamStatus(counts, rows)
            time.sleep(POLL_S)
    raise PenstockError(
        f"the stream did not catch up within {timeout_s:.0f} s",
        where=str(child.log),
        hint=f"sent {sent}, counted {counts}",
    )


def _quiet(project: Project, client: KafkaAdminClient, rows: dict[str, int]) -> bool:
    """Rows fired by the last watermark come a moment after the counts; a checkpoint lets out what the sinks hold."""
    time.sleep(SETTLE_S)
    running_job(project).checkpoint()
    return _rows(project, client) == (rows, sum(rows.values()))


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


def _rows(project: Project, client: KafkaAdminClient) -> tuple[dict[str, int], int]:
    """View → records ever sent to its topic; and how many of all of them the writer has done with."""
    views = written_by_stream(project)
    found = progress_by(client, views.values())
    rows = {view: found.get(pair, NOTHING).end for view, pair in views.items()}
    return rows, sum(each.done for each in found.values())


def _status(project: Project) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(status_file(project).read_text())
    except (OSError, json.JSONDecodeError):
        raise PenstockError(
            "no stream is running", where=str(status_file(project)), hint="run 'penstock stream'"
        ) from None
    return found


def _rest(status: dict[str, Any]) -> FlinkRest:
    secret = status["secret"]
    return FlinkRest(status["rest"], status["job"], None if secret is None else Path(secret))


def running_job(project: Project) -> FlinkRest:
    """The job of the running stream. Raises PenstockError when none runs."""
    return _rest(_status(project))


def running_pid(project: Project) -> int:
    """The process of the running stream. Raises PenstockError when none runs."""
    pid = int(_status(project)["pid"])
    with exclusive(project.config.state / "stream" / "lock") as alone:
        if not alone:
            return pid
    raise PenstockError("no stream is running", where=str(status_file(project)), hint="the last one was killed")


def read_counts(project: Project) -> dict[str, dict[str, int]]:
    """View → class → events so far, summed over the job's subtasks. Raises PenstockError when no stream runs."""
    counts: dict[str, dict[str, int]] = {}
    for (view, _), by_class in read_counted(project, running_job(project)).of_sources.items():
        whole = counts.setdefault(view, dict.fromkeys(CLASSES, 0))
        for name, value in by_class.items():
            whole[name] += value
    return counts


def read_counted(project: Project, rest: FlinkRest) -> Counted:
    """What a job has counted, summed over its subtasks. Raises PenstockError when it does not answer."""
    found = Counted({}, {})
    for path, value in rest.metrics(".penstock").items():
        if dead := _DEAD.search(path):
            source, reason = dead.groups()
            found.dead.setdefault(source, {})[reason.replace("_", " ")] = value
        elif event := _EVENTS.search(path):
            view, of, name = event.groups()
            source = of or str(project.plans[view].source.name)
            found.of_sources.setdefault((view, source), dict.fromkeys(CLASSES, 0))[name] += value
    return found
