"""The job itself: submitted, watched, stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway

from penstock.features.compilers.flink.config import JobSettings
from penstock.features.errors import PenstockError
from penstock.jobs.streaming.flink_errors import root_cause
from penstock.jobs.streaming.rest import FlinkRest

#: How long the last savepoint may take before the newest checkpoint must do, and a cancellation, in seconds.
SAVEPOINT_S, CANCEL_S = 15, 10


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


class FlinkJob:
    """A submitted job on a mini-cluster of its own, which ends with it."""

    def __init__(self, client: Any, settings: JobSettings) -> None:
        self._client, self._settings = client, settings
        self._result = client.getJobExecutionResult()
        self.id = str(client.getJobID().toString())
        self.rest = FlinkRest(f"https://127.0.0.1:{settings.rest_port}", self.id, settings.secret)

    @staticmethod
    def submit(env: StreamExecutionEnvironment, settings: JobSettings, name: str) -> FlinkJob:
        """Starts the mini-cluster with the job."""
        return FlinkJob(env.execute_async(name)._j_job_client, settings)

    def check(self) -> None:
        """Raises PenstockError with the innermost cause when the job has ended."""
        with flink_says("Flink's JVM does not answer", self._settings):
            ended = self._result.isDone()
        if ended:
            with flink_says("the Flink job has failed for good", self._settings):
                self._result.get()
            raise PenstockError("the Flink job has ended by itself", where=str(self._settings.logs))

    def stop(self, folder: Path) -> Path:
        """Stops the sources, lets every row out, and keeps the state in a savepoint below ``folder``.

        Raises PenstockError when that cannot be; the job may then still run.
        """
        with flink_says("no savepoint was taken", self._settings):
            jvm = get_gateway().jvm
            form = jvm.org.apache.flink.core.execution.SavepointFormatType.CANONICAL
            saved = self._client.stopWithSavepoint(False, f"file://{folder.resolve()}", form)
            place = saved.get(SAVEPOINT_S, jvm.java.util.concurrent.TimeUnit.SECONDS)
        return Path("/" + place.removeprefix("file:").lstrip("/"))

    def cancel(self) -> None:
        """Ends the job as it is, its checkpoints stay; nothing happens when it has ended."""
        with contextlib.suppress(Exception):  # what is left ends with the JVM
            seconds = get_gateway().jvm.java.util.concurrent.TimeUnit.SECONDS
            self._client.cancel().get(CANCEL_S, seconds)
