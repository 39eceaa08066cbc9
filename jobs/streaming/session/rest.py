"""What a session cluster is asked over its REST interface."""

from __future__ import annotations

import urllib.error
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.features.errors import PenstockError
from penstock.jobs.process.waiting import until
from penstock.jobs.streaming.flink_errors import root_cause
from penstock.jobs.streaming.http import ask

#: Flink's words for a job that has ended.
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})
#: How long the last savepoint may take before the newest checkpoint must do, a job's end, and between two looks, in
#: seconds.
SAVEPOINT_S, END_S, LOOK_S = 20.0, 30.0, 0.2

_NOT_THERE = 404


class ClusterAway(PenstockError):
    """The cluster does not answer now and may later."""


@dataclass(frozen=True)
class ClusterRest:
    """A cluster by its address, and the folder of what its clients show; None: they show nothing.

    Methods raise ClusterAway without an answer.
    """

    address: str
    secret: Path | None

    def version(self) -> str:
        """Of Flink."""
        return str(self._ask("/config")["flink-version"])

    def running(self, name: str) -> list[str]:
        """The ids of the jobs of this name that have not ended."""
        jobs = self._ask("/jobs/overview")["jobs"]
        return [str(job["jid"]) for job in jobs if job["name"] == name and job["state"] not in ENDED]

    def state(self, job: str) -> str | None:
        """RUNNING, RESTARTING, FAILED, …; None for a job that the cluster does not know."""
        try:
            return str(self._ask(f"/jobs/{job}")["state"])
        except _Unknown:
            return None

    def failure(self, job: str) -> str:
        """The innermost cause of a job's end."""
        history = self._ask(f"/jobs/{job}/exceptions")["exceptionHistory"]["entries"]
        return root_cause(history[0]["stacktrace"]) if history else "no reason given"

    def cancel(self, job: str) -> bool:
        """Ends a job as it is. Returns whether it has ended within ``END_S``; one that is not known has."""
        try:
            self._ask(f"/jobs/{job}?mode=cancel", method="PATCH")
        except _Unknown:
            return True
        return until(lambda: self.state(job) in ENDED | {None}, END_S, LOOK_S)

    def stop(self, job: str, folder: Path) -> str:
        """Stops a job with a savepoint below ``folder``; where it lies. Raises PenstockError when none was taken."""
        body = {"targetDirectory": f"file://{folder}", "drain": False, "formatType": "CANONICAL"}
        trigger = self._ask(f"/jobs/{job}/stop", body)["request-id"]
        answer: dict[str, Any] = {}

        def taken() -> bool:
            answer.update(self._ask(f"/jobs/{job}/savepoints/{trigger}"))
            return bool(answer["status"]["id"] == "COMPLETED")

        if not until(taken, SAVEPOINT_S, LOOK_S):
            raise PenstockError(f"no savepoint within {SAVEPOINT_S:.0f} s", where=self.address)
        failure = answer["operation"].get("failure-cause")
        if failure is not None:
            cause = root_cause(str(failure.get("stack-trace", failure)))
            raise PenstockError(f"no savepoint was taken: {cause}", where=self.address)
        return str(answer["operation"]["location"])

    def _ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        try:
            return ask(self.address, self.secret, path, body, method)
        except urllib.error.HTTPError as error:
            if error.code == _NOT_THERE:
                raise _Unknown(f"nothing is known of {path}", where=self.address) from None
            raise self._away(error) from None
        except OSError as error:
            raise self._away(error) from None

    def _away(self, error: OSError) -> ClusterAway:
        hint = "is [flink] address that of the job manager's REST interface, and does it run?"
        return ClusterAway(f"the Flink cluster does not answer: {error}", where=self.address, hint=hint)


class _Unknown(PenstockError):
    """The cluster does not know what it was asked about."""
