"""Processes that a run starts, watches and stops, each by its own id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from features.errors import PenstockError

#: How long a process may take to end by itself, in seconds.
GRACE_S = 20.0


class Child:
    """A ``penstock`` command in a process group of its own, with its output in ``log``."""

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        self.name, self._arguments, self.log = name, arguments, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Child:
        """Starts it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "jobs.cli", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Is it alive?"""
        return self._process is not None and self._process.poll() is None

    def check(self) -> None:
        """Raises PenstockError with the last lines of its log when it has ended."""
        if not self.running:
            lines = self.log.read_text(errors="replace").splitlines()[-8:] if self.log.exists() else []
            raise PenstockError(f"'penstock {self.name}' ended too early", where=str(self.log), hint="\n".join(lines))

    def kill(self) -> None:
        """SIGKILL to the whole group, at once."""
        if self._process is not None:
            _signal(self.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM, time to end by itself, then SIGKILL to what is left of the group."""
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + GRACE_S
            while self.running and time.monotonic() < deadline:
                time.sleep(0.05)
        _signal(self.pid, signal.SIGKILL)
        self._process.wait()


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
