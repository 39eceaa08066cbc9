"""SIGTERM and SIGINT: a job ends what it has in hand, and has one deadline for all of that."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import psutil

from penstock.jobs.process.children import GRACE_S

#: Seconds from the signal to the end, whatever is away: a supervisor kills after ``GRACE_S``.
DEADLINE_S = GRACE_S - 2.0
#: Seconds that killed processes may take to be gone.
END_S = 1.0


@contextlib.contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; a second one interrupts.

    A block that has not ended ``DEADLINE_S`` after the first signal is ended with its process and the processes that
    it has started, with exit code 1: nothing that was not committed is, so that the next start has it again.
    """
    stop = threading.Event()
    deadline = threading.Timer(DEADLINE_S, _end_at_once)
    deadline.daemon = True

    def ask(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        deadline.start()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        deadline.cancel()


def _end_at_once() -> None:
    os.write(sys.stderr.fileno(), f"not ended within {DEADLINE_S:.0f} s: what is in hand is given back\n".encode())
    children = psutil.Process().children()
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    # or they would outlive this process for a moment
    psutil.wait_procs(children, END_S)
    os._exit(1)
