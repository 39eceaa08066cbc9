"""A session cluster: jobs come by its REST interface with their jars, and run in its task managers."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pyflink.version import __version__ as pyflink_version

from penstock.features.compilers.flink.config import FAILURE_WINDOW_MS, RESTART_DELAY_MS, JobSettings
from penstock.features.errors import PenstockError
from penstock.jobs.process.waiting import until
from penstock.jobs.process.whole_file import write_whole
from penstock.jobs.project.config import FlinkConfig
from penstock.jobs.streaming.jvm import FlinkJvm, end_leftover
from penstock.jobs.streaming.session.job import PATIENCE_S, SessionJob
from penstock.jobs.streaming.session.login import login
from penstock.jobs.streaming.session.rest import ClusterAway, ClusterRest

if TYPE_CHECKING:
    from pyflink.datastream import StreamExecutionEnvironment

#: Seconds between two questions to a cluster that is away.
LOOK_S = 1.0

#: A lost task manager fails each part of the job that is connected in itself, all at once: that is one restart here,
#: and would be many for the strategy that counts failures. Task managers may also be renewed one after the other.
_RESTARTS = {
    "restart-strategy.type": "exponential-delay",
    "restart-strategy.exponential-delay.initial-backoff": f"{RESTART_DELAY_MS} ms",
    "restart-strategy.exponential-delay.max-backoff": f"{10 * RESTART_DELAY_MS} ms",
    "restart-strategy.exponential-delay.reset-backoff-threshold": f"{FAILURE_WINDOW_MS} ms",
    "restart-strategy.exponential-delay.attempts-before-reset-backoff": "10",
}


class SessionCluster:
    """``prefix``: of the project's names. ``say`` is told when the cluster is away; ``stop`` ends a wait for it."""

    spread = True

    def __init__(
        self,
        settings: JobSettings,
        address: str,
        config: FlinkConfig,
        prefix: str,
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self._config, self._prefix, self._stop, self._say = config, prefix, stop, say
        self._rest = ClusterRest(address, None if config.ca_file is None else settings.secret)
        self._login: dict[str, str] = {}
        self._builder, self._jvm = FlinkJvm(settings), contextlib.ExitStack()

    def end_leftover(self) -> None:
        """Ends what a killed run has left here and there; waits for a cluster that is away."""
        end_leftover(self.settings)
        with login(self.settings.secret, self._config):
            self._wait()
            self._check_version()
            for id in self._rest.running(self._own_name()):
                self._say(f"the job {id} of an earlier run is ended; the new one goes on from its newest checkpoint")
                if not self._rest.cancel(id):
                    raise PenstockError(f"the job {id} does not end", where=self._rest.address, hint="cancel it there")

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """The files that clients show, and a JVM to build the graph in."""
        with login(self.settings.secret, self._config) as self._login, self._jvm:
            self._jvm.enter_context(self._builder)
            yield

    def options(self) -> dict[str, str]:
        """Where the cluster is, and what it is shown."""
        place = urlsplit(self._rest.address)
        reached = {"rest.address": str(place.hostname), "rest.port": str(place.port)}
        return {"execution.target": "remote", "execution.attached": "false", **_RESTARTS, **reached, **self._login}

    def submit(self, env: StreamExecutionEnvironment, name: str) -> SessionJob:
        """Sends graph and jars to the cluster; the JVM has done its work then."""
        id = str(env.execute_async(self._own_name()).get_job_id())
        self._jvm.close()
        return SessionJob(self._rest, id, self._say)

    def reason(self, error: PenstockError) -> str:
        """The end of the JVM that builds the graph, or what the error says."""
        return self._builder.reason(error)

    def _wait(self) -> None:
        """Returns when the cluster answers. Raises ClusterAway when it does not for ``PATIENCE_S``."""
        away: list[ClusterAway] = []

        def answers() -> bool:
            try:
                self._rest.version()
            except ClusterAway as error:
                if not away:
                    self._say(f"{error.what}; it is asked again for {PATIENCE_S:.0f} s")
                away[:] = [error]
                return self._stop.is_set()
            away.clear()
            return True

        until(answers, PATIENCE_S, LOOK_S)
        if away:
            raise away[0]

    def _check_version(self) -> None:
        theirs, ours = self._rest.version(), pyflink_version
        if theirs.split(".")[:2] != ours.split(".")[:2]:
            raise PenstockError(
                f"the cluster runs Flink {theirs}, and the job is built for {ours}",
                where=self._rest.address,
                hint="a job's graph is read by the same version of Flink only",
            )

    def _own_name(self) -> str:
        """What the cluster calls the jobs of this state folder, and no others."""
        file = self.settings.state / "session"
        if not file.is_file():
            write_whole(file, uuid.uuid4().hex[:8])
        return f"penstock {self._prefix} {file.read_text()}"
