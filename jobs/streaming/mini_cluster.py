"""A mini-cluster in a JVM of this machine, which carries one job and ends with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway

from penstock.features.compilers.flink.config import JobSettings, mini_cluster_options
from penstock.features.errors import PenstockError
from penstock.jobs.process.ports import free_port
from penstock.jobs.streaming.job import flink_says
from penstock.jobs.streaming.jvm import FlinkJvm, end_leftover
from penstock.jobs.streaming.rest import FlinkRest
from penstock.jobs.streaming.secret import secret

#: How long the last savepoint may take before the newest checkpoint must do, and a cancellation, in seconds.
SAVEPOINT_S, CANCEL_S = 15, 10


class MiniCluster:
    """The cluster of one run."""

    spread = False

    def __init__(self, settings: JobSettings) -> None:
        self.settings = settings
        self._jvm = FlinkJvm(settings)
        self._login: dict[str, str] = {}

    def end_leftover(self) -> None:
        """Ends the JVM of a run that was killed."""
        end_leftover(self.settings)

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """The JVM, and the secret that its doors ask for."""
        with secret(self.settings.secret) as self._login, self._jvm:
            yield

    def options(self) -> dict[str, str]:
        """With a port that is free now."""
        self.settings = replace(self.settings, rest_port=free_port())
        return {**mini_cluster_options(self.settings), **self._login}

    def submit(self, env: StreamExecutionEnvironment, name: str) -> MiniJob:
        """Starts the mini-cluster with the job, and closes the JVM's own door."""
        job = MiniJob(env.execute_async(name)._j_job_client, self.settings, self._jvm)
        self._jvm.close_door()
        return job

    def reason(self, error: PenstockError) -> str:
        """The end of the JVM, or what the error says."""
        return self._jvm.reason(error)


class MiniJob:
    """A job on a mini-cluster."""

    def __init__(self, client: Any, settings: JobSettings, jvm: FlinkJvm) -> None:
        self._client, self._settings, self._jvm = client, settings, jvm
        self._result = client.getJobExecutionResult()
        self.id = str(client.getJobID().toString())
        self.rest = FlinkRest(f"https://127.0.0.1:{settings.rest_port}", self.id, settings.secret)
        self.jvm: int | None = jvm.pid

    def check(self) -> None:
        """Raises PenstockError with the innermost cause when the job has ended."""
        self._jvm.check()
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
        try:
            return self._save(folder)
        except PenstockError as error:
            raise PenstockError(self._jvm.reason(error), where=error.where, hint=error.hint) from None

    def _save(self, folder: Path) -> Path:
        with flink_says("no savepoint was taken", self._settings):
            jvm = get_gateway().jvm
            form = jvm.org.apache.flink.core.execution.SavepointFormatType.CANONICAL
            saved = self._client.stopWithSavepoint(False, f"file://{folder.resolve()}", form)
            place = saved.get(SAVEPOINT_S, jvm.java.util.concurrent.TimeUnit.SECONDS)
        return local_path(place)

    def cancel(self) -> None:
        """Ends the job as it is, its checkpoints stay; nothing happens when it has ended."""
        with contextlib.suppress(Exception):  # what is left ends with the JVM
            seconds = get_gateway().jvm.java.util.concurrent.TimeUnit.SECONDS
            self._client.cancel().get(CANCEL_S, seconds)


def local_path(place: str) -> Path:
    """The path of a file in Flink's words."""
    return Path("/" + place.removeprefix("file:").lstrip("/"))
