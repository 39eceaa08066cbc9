"""The job, wherever it runs: what a cluster is asked to do, and what one gives for that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from penstock.features.compilers.flink.config import JobSettings
from penstock.features.errors import PenstockError
from penstock.jobs.streaming.flink_errors import root_cause
from penstock.jobs.streaming.rest import FlinkRest

if TYPE_CHECKING:
    from pyflink.datastream import StreamExecutionEnvironment


class JobGone(PenstockError):
    """The cluster no longer knows the job: it was started anew. The newest checkpoint is still there."""


class Job(Protocol):
    """A submitted job."""

    id: str
    rest: FlinkRest
    #: The process in which the job runs, where it is one of this machine that is the job's own.
    jvm: int | None

    def check(self) -> None:
        """Raises PenstockError with the innermost cause when the job has ended, JobGone when nobody knows of it."""

    def stop(self, folder: Path) -> Path:
        """Stops the sources, lets every row out, and keeps the state in a savepoint below ``folder``.

        Raises PenstockError when that cannot be; the job may then still run.
        """

    def cancel(self) -> None:
        """Ends the job as it is, its checkpoints stay; nothing happens when it has ended."""


class Cluster(Protocol):
    """Where the job runs. ``settings``: of the job."""

    settings: JobSettings
    #: Does the job run in several processes?
    spread: bool

    def end_leftover(self) -> None:
        """Ends what a killed run of this project has left behind."""

    def opened(self) -> AbstractContextManager[None]:
        """A JVM in which the job's graph can be built."""

    def options(self) -> dict[str, str]:
        """Flink's options that lead to the cluster."""

    def submit(self, env: StreamExecutionEnvironment, name: str) -> Job:
        """Has the job run. The JVM takes no second one."""

    def reason(self, error: PenstockError) -> str:
        """Why a job was not submitted: what became of the JVM that builds it, or what the error says."""


@contextlib.contextmanager
def flink_says(what: str, settings: JobSettings) -> Iterator[None]:
    """Turns what Flink raises into ``what`` and the innermost cause."""
    try:
        yield
    except PenstockError:
        raise
    except Exception as error:
        raise PenstockError(
            f"{what}: {root_cause(str(error))}", where=str(settings.logs), hint="Flink's log tells more"
        ) from None
