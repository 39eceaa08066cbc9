"""What a running Flink job tells over its REST interface."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.features.errors import PenstockError
from penstock.jobs.process.waiting import until
from penstock.jobs.streaming.flink_errors import root_cause
from penstock.jobs.streaming.http import ask

#: How long a checkpoint that was asked for may take, and how long to wait between two looks at it, in seconds.
CHECKPOINT_S, LOOK_S = 60.0, 0.1

#: Why a checkpoint fails that was under way when the job failed: nothing is wrong with checkpoints.
_RESTARTING = ("Checkpoint Coordinator is suspending", "FailoverRegion is restarting", "The job has failed")


@dataclass(frozen=True)
class Failure:
    """A failure that made the job restart: when (milliseconds since the epoch), the innermost cause, and all of it."""

    t: int
    cause: str
    trace: str = ""


@dataclass(frozen=True)
class Checkpoints:
    """How many there were, how often the job's state was restored, and when the newest was complete (epoch ms).

    ``failing``: why the newest of all failed; None when it did not.
    """

    completed: int
    failed: int
    restored: int
    newest_ms: int | None
    failing: str | None


@dataclass(frozen=True)
class FlinkRest:
    """A job by its cluster's address (``https://host:port``) and its id, and the folder of the secret that it asks for.

    Methods raise PenstockError without answer.
    """

    address: str
    job: str
    secret: Path | None

    def state(self) -> str | None:
        """RUNNING, RESTARTING, FAILED, …; None while the cluster does not answer or does not know the job."""
        try:
            return str(self._ask(f"/jobs/{self.job}")["state"])
        except OSError:
            return None

    def failures(self) -> list[Failure]:
        """The failures that the job remembers, oldest first."""
        history = self._get(f"/jobs/{self.job}/exceptions")["exceptionHistory"]["entries"]
        found = [Failure(entry["timestamp"], root_cause(entry["stacktrace"]), entry["stacktrace"]) for entry in history]
        return sorted(found, key=lambda failure: failure.t)

    def metrics(self, part: str) -> dict[str, int]:
        """Metrics whose name holds ``part``, by name, summed over the job's operators and subtasks."""
        found: dict[str, int] = {}
        for vertex in self._get(f"/jobs/{self.job}")["vertices"]:
            path = f"/jobs/{self.job}/vertices/{vertex['id']}/subtasks/metrics"
            names = [metric["id"] for metric in self._get(path) if part in metric["id"]]
            for metric in self._get(f"{path}?get={','.join(names)}") if names else []:
                found[metric["id"]] = found.get(metric["id"], 0) + int(float(metric["sum"]))
        return found

    def checkpoints(self) -> Checkpoints:
        """The job's checkpoints so far."""
        found = self._get(f"/jobs/{self.job}/checkpoints")
        newest = found["latest"]["completed"]
        return Checkpoints(
            found["counts"]["completed"],
            found["counts"]["failed"],
            found["counts"]["restored"],
            newest and newest["latest_ack_timestamp"],
            _failing(newest, found["latest"]["failed"]),
        )

    def checkpoint(self) -> None:
        """Takes a checkpoint, and returns when it is complete: every row emitted before it is in Kafka by then."""
        trigger = self._get(f"/jobs/{self.job}/checkpoints", {"checkpointType": "CONFIGURED"})["request-id"]

        def answer() -> Any:
            return self._get(f"/jobs/{self.job}/checkpoints/{trigger}")

        if not until(lambda: answer()["status"]["id"] == "COMPLETED", CHECKPOINT_S, LOOK_S):
            raise PenstockError(f"no checkpoint within {CHECKPOINT_S:.0f} s", where=self.address)
        self._check_taken(answer()["operation"])

    def _check_taken(self, operation: dict[str, Any]) -> None:
        failure = operation.get("failureCause")
        if failure is not None:
            raise PenstockError(
                f"the checkpoint failed: {root_cause(str(failure.get('stack-trace', failure)))}", where=self.address
            )

    def _get(self, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            return self._ask(path, body)
        except OSError as error:
            hint = "is 'penstock stream' running?"
            raise PenstockError(
                f"the Flink job does not answer: {error}", where=self.address + path, hint=hint
            ) from None

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return ask(self.address, self.secret, path, body)


def _failing(completed: dict[str, Any] | None, failed: dict[str, Any] | None) -> str | None:
    if failed is None or (completed is not None and completed["id"] > failed["id"]):
        return None
    message = str(failed.get("failure_message") or "Flink gives no reason").rstrip(".")
    return None if message in _RESTARTING else message
