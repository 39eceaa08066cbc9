"""Stops a running stream from another process, with its state in a savepoint."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from penstock.features.compilers.flink.config import JobSettings
from penstock.features.errors import PenstockError
from penstock.jobs.process.children import GRACE_S
from penstock.jobs.process.exclusive import exclusive
from penstock.jobs.process.waiting import until
from penstock.jobs.project.project import Project
from penstock.jobs.streaming.settings import job_settings
from penstock.jobs.streaming.state import newest_state
from penstock.jobs.streaming.status import running_pid


def stop_stream(project: Project) -> Path:
    """Tells the stream of a project to end; the folder of its savepoint, with which the next start goes on.

    Raises PenstockError when none runs, it does not end in time, or it has taken no savepoint.
    """
    pid = running_pid(project)
    settings = job_settings(project)
    before = newest_state(settings)
    os.kill(pid, signal.SIGTERM)
    if not until(lambda: _has_ended(settings), GRACE_S):
        raise PenstockError(
            f"the stream (process {pid}) has not ended within {GRACE_S:.0f} s", where=str(settings.state)
        )
    state = newest_state(settings)
    if state is None or state == before or state.parent != settings.savepoints:
        raise PenstockError(
            "the stream has ended without a savepoint",
            where=str(settings.state if state is None else state),
            hint="the next start goes on from the newest checkpoint; the stream's log tells why",
        )
    return state


def _has_ended(settings: JobSettings) -> bool:
    """A stream holds the lock for as long as it runs."""
    with exclusive(settings.state / "lock") as alone:
        return alone
