"""Processes that a run starts, watches and stops, each by its own id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from penstock.features.errors import PenstockError
from penstock.jobs.process.waiting import until

#: How long a process may take to end by itself, in seconds: a stream takes a last savepoint.
GRACE_S = 40.0

#: How many of its last lines an error shows.
TAIL = 8


class Child:
    """A ``penstock`` command in a process group of its own, with its output in ``log``.

    As a context manager it starts it, and stops it whatever happens.
    """

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        self.name, self.log = name, log
        self._command = ["-W", "ignore", "-m", "penstock.jobs.cli", *arguments]
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0

    def start(self) -> Child:
        """Starts it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._began = output.tell()
            self._process = subprocess.Popen(
                [sys.executable, *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self

    def __enter__(self) -> Child:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Is it alive?"""
        return self._process is not None and self._process.poll() is None

    @property
    def code(self) -> int | None:
        """What it ended with, negative for a signal; None while it runs."""
        return None if self._process is None else self._process.poll()

    def said(self) -> str:
        """Its output since it was started last."""
        with self.log.open("rb") as log:
            log.seek(self._began)
            return log.read().decode(errors="replace")

    def check(self) -> None:
        """Raises PenstockError with the last lines of its output when it has ended."""
        if not self.running:
            last = self.said().splitlines()[-TAIL:] if self.log.exists() else []
            raise PenstockError(
                f"'penstock {self.name}' ended too early, with {self.code}",
                where=str(self.log),
                hint="\n".join(last) or None,
            )

    def kill(self) -> None:
        """SIGKILL to the whole group, at once."""
        if self._process is not None:
            self._kill_group()

    def stop(self) -> None:
        """SIGTERM, time to end by itself, then SIGKILL to what is left of the group."""
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(signal.SIGTERM)
            until(lambda: not self.running, GRACE_S)
        self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
