"""One deadline for all that a job does after SIGTERM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from penstock.jobs.process.signals import stop_on_signals

STUCK = """
import subprocess, sys, time
from penstock.jobs.process import signals

signals.DEADLINE_S = 1.0
with signals.stop_on_signals() as stop:
    child = subprocess.Popen(["sleep", "600"])
    print(child.pid, flush=True)
    stop.wait()
    while True:  # something never answers
        time.sleep(1)
"""


def test_a_process_that_does_not_end_is_ended_with_what_it_has_started() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as stuck:
        assert stuck.stdout is not None and stuck.stderr is not None
        child = int(stuck.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        stuck.terminate()
        assert stuck.wait(30) == 1
        assert stuck.stderr.read() == "not ended within 1 s: what is in hand is given back\n"
    assert _gone(child)


def _gone(pid: int) -> bool:
    """Nobody waits for an orphan but the system's first process, which may take its time."""
    file = Path(f"/proc/{pid}/stat")
    return not file.exists() or file.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_what_ends_in_time_is_left_alone() -> None:
    with stop_on_signals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(10)
        assert any(isinstance(thread, threading.Timer) for thread in threading.enumerate())
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(10)
    assert not any(isinstance(thread, threading.Timer) for thread in threading.enumerate())
