"""A job that a session cluster carries: it outlives this process, and may outlive its job manager."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from penstock.features.errors import PenstockError
from penstock.jobs.streaming.job import JobGone
from penstock.jobs.streaming.mini_cluster import local_path
from penstock.jobs.streaming.rest import FlinkRest
from penstock.jobs.streaming.session.rest import ENDED, ClusterAway, ClusterRest

#: How long a cluster may be away before that is taken for lasting, in seconds.
PATIENCE_S = 300.0


class SessionJob:
    """``say`` is told when the cluster is away and when it is back."""

    jvm: int | None = None

    def __init__(self, cluster: ClusterRest, id: str, say: Callable[[str], None]) -> None:
        self._cluster, self._say = cluster, say
        self._away_since: float | None = None
        self.id = id
        self.rest = FlinkRest(cluster.address, id, cluster.secret)

    def check(self) -> None:
        """Raises PenstockError when the job has ended or the cluster is away for too long, JobGone when it is lost."""
        try:
            state = self._cluster.state(self.id)
        except ClusterAway as error:
            self._wait(error)
            return
        if self._away_since is not None:
            self._say(f"the Flink cluster answers again, after {time.monotonic() - self._away_since:.1f} s")
            self._away_since = None
        if state is None:
            raise JobGone("the Flink cluster does not know the job any more", where=self._cluster.address)
        if state in ENDED:
            self._raise_end(state)

    def _wait(self, error: ClusterAway) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            self._say(f"{error.what}; it is asked again for {PATIENCE_S:.0f} s")
        elif time.monotonic() - self._away_since >= PATIENCE_S:
            raise error

    def _raise_end(self, state: str) -> None:
        place = f"{self._cluster.address}/#/job/{self.id}"
        if state == "FAILED":
            raise PenstockError(f"the Flink job has failed for good: {self._cluster.failure(self.id)}", where=place)
        hint = "somebody has ended it there; the next start goes on from the newest checkpoint"
        raise PenstockError(f"the Flink job is {state.lower()}", where=place, hint=hint)

    def stop(self, folder: Path) -> Path:
        """Stops the sources, lets every row out, and keeps the state in a savepoint below ``folder``.

        Raises PenstockError when that cannot be; the job may then still run.
        """
        return local_path(self._cluster.stop(self.id, folder))

    def cancel(self) -> None:
        """Ends the job as it is, its checkpoints stay; nothing happens when it has ended."""
        with contextlib.suppress(PenstockError):  # the next start ends it
            if self._cluster.state(self.id) not in ENDED | {None}:
                self._cluster.cancel(self.id)
