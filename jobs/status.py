"""How far a running stream has come: events counted by the Flink job, rows written by the writer."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import TopicPartition

from features.errors import PenstockError
from jobs.children import Child
from jobs.kafka.clients import consumer
from jobs.project import FEATURES_TOPIC, Project
from jobs.writer import GROUP

COUNTERS = ("applied", "too_late", "duplicate", "dead")
POLL_S = 0.25


@dataclass(frozen=True)
class StreamStatus:
    """``counts``: view → class → events, as the job has them; ``rows``: view → rows in its topic."""

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
        if status_file(project).is_file() and _job_state(project) == "RUNNING":
            return
        time.sleep(POLL_S)
    raise PenstockError(f"the stream did not start within {timeout_s:.0f} s", where=str(child.log))


def wait_caught_up(
    project: Project,
    child: Child,
    sent: dict[str, int],
    *,
    timeout_s: float = 600.0,
    progress: Callable[[int], None] = lambda rows: None,
) -> StreamStatus:
    """Returns when the job has counted every event sent (source → events) and the writer every row."""
    deadline = time.monotonic() + timeout_s
    with consumer(project.config, None, group_id=GROUP) as reader:
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


def _quiet(project: Project, reader: Any, rows: dict[str, int]) -> bool:
    """Rows fired by the last watermark come a moment after the counts: look twice."""
    time.sleep(1.0)
    return _rows(project, reader) == (rows, sum(rows.values()))


def _counted(project: Project, counts: dict[str, dict[str, int]], sent: dict[str, int]) -> bool:
    return all(
        sum(counts.get(plan.name, {}).values()) == sent.get(source, 0)
        for source, plans in project.streamed.items()
        for plan in plans
    )


def _rows(project: Project, reader: Any) -> tuple[dict[str, int], int]:
    rows, written = {}, 0
    for plans in project.streamed.values():
        for plan in plans:
            topic = FEATURES_TOPIC.format(view=plan.name)
            places = [TopicPartition(topic, number) for number in sorted(reader.partitions_for_topic(topic) or ())]
            rows[plan.name] = sum(reader.end_offsets(places).values())
            written += sum(reader.committed(place) or 0 for place in places)
    return rows, written


def _status(project: Project) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(status_file(project).read_text())
    except (OSError, json.JSONDecodeError):
        raise PenstockError(
            "no stream is running", where=str(status_file(project)), hint="run 'penstock stream'"
        ) from None
    return found


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def _job_state(project: Project) -> str:
    found = _status(project)
    try:
        return str(_get(f"{found['rest']}/jobs/{found['job']}")["state"])
    except OSError:
        return "UNREACHABLE"


def read_counts(project: Project) -> dict[str, dict[str, int]]:
    """View → class → events so far, summed over the job's subtasks by its REST interface."""
    found = _status(project)
    base = f"{found['rest']}/jobs/{found['job']}"
    counts: dict[str, dict[str, int]] = {}
    for vertex in _get(base)["vertices"]:
        url = f"{base}/vertices/{vertex['id']}/subtasks/metrics"
        names = [metric["id"] for metric in _get(url) if "penstock." in metric["id"]]
        for metric in _get(f"{url}?get={','.join(names)}") if names else []:
            _, view, counter = metric["id"][metric["id"].index("penstock.") :].split(".")
            if counter in COUNTERS:
                by_class = counts.setdefault(view, dict.fromkeys(COUNTERS, 0))
                by_class[counter] += int(float(metric["sum"]))
    return counts
