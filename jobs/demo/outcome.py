"""What the demo's stages share: constants, what the run leaves for the proofs, and how a stage speaks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from penstock.jobs.batch.backfill import BackfillReport, backfill
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.status import StreamStatus
from penstock.jobs.training.train import TrainReport

MODEL = "arrival_delay"
#: The last requests are sent at this pace, to time predictions without a queue; per second.
TIMED_RATE = 100.0
TIMED_REQUESTS = 1000


@dataclass
class Outcome:
    """What the run leaves for the proofs: counts sent and found, places in topics, times of arrival."""

    sent_history: dict[str, int] = field(default_factory=dict)
    sent_live: dict[str, int] = field(default_factory=dict)
    in_topics: dict[str, int] = field(default_factory=dict)
    live_offset: int = 0
    received: dict[str, float] = field(default_factory=dict)
    live_seconds: float = 0.0
    timed_from_ms: int = 0
    counts: StreamStatus | None = None
    trained: TrainReport | None = None


@contextlib.contextmanager
def stage(context: Context, text: str) -> Iterator[None]:
    """Says what begins, and how long it took."""
    started = time.monotonic()
    context.out.print(text, style="bold")
    yield
    context.out.print(f"  {time.monotonic() - started:.1f} s", style="dim")


def backfill_all(context: Context, project: Project, start: int, end: int, out: Path) -> dict[str, BackfillReport]:
    """Every view's change points in ``[start, end)``, with one bar each."""
    reports = {}
    for name, plan in project.plans.items():
        with context.progress(f"  backfill {name}", None) as bar:
            reports[name] = backfill(
                plan, project.histories(name), start, end, out, memory=project.config.batch.memory, progress=bar
            )
    return reports


def feature_topics(project: Project) -> dict[str, str]:
    """View → the topic of its rows, for every streamed view."""
    return {plan.name: project.names.features(plan.name) for plan in project.streamed_views}
