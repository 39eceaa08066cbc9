"""What a stream's state was begun with: the cut-over, and the files of history before it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from penstock.jobs.process.whole_file import write_whole

_FILE = "handover.json"


@dataclass(frozen=True)
class SourceHistory:
    """A source's events before the cut-over that the state needs, as written for the job.

    ``files``: read side by side; ``rows``: events in them; ``bad``: rows that are left out, as in every backfill;
    ``first``, ``last``: times of the events, in milliseconds, None without any; ``silence``: the longest time between
    two of them, in milliseconds.
    """

    files: tuple[str, ...]
    rows: int
    bad: int
    first: int | None
    last: int | None
    silence: int


@dataclass(frozen=True)
class Handover:
    """``cut_over_ms``: history owns event times before it, Kafka the rest. ``id``: a UUID of these files; ``sources``:
    by name, those that have a history.
    """

    cut_over_ms: int
    id: str
    sources: Mapping[str, SourceHistory]


def read_handover(state: Path) -> Handover | None:
    """What the job's folder has; None for a state that was begun without history."""
    file = state / _FILE
    if not file.is_file():
        return None
    record = json.loads(file.read_text())
    sources = {
        name: SourceHistory(**{**history, "files": tuple(history["files"])})
        for name, history in record["sources"].items()
    }
    return Handover(record["cut_over_ms"], record["id"], sources)


def write_handover(state: Path, handover: Handover) -> None:
    """Notes it down."""
    write_whole(state / _FILE, json.dumps(asdict(handover), indent=1))


def forget_handover(state: Path) -> None:
    """For a job that begins without history."""
    (state / _FILE).unlink(missing_ok=True)
