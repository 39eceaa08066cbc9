"""Python's collector and threads while the inference job runs."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

#: New objects after which Python looks for cycles, while everything waits: soon, so that there are few to look through.
COLLECT_AFTER = 5_000
#: How long a thread of Python may have to wait for another one, in seconds: a tenth of a transaction.
SWITCH_S = 0.0005


@contextmanager
def answering_pace() -> Iterator[None]:
    """Short pauses of the collector and short turns of threads, until the block ends."""
    threshold, switch = gc.get_threshold(), sys.getswitchinterval()
    # what is loaded by now stays: the collector would look through all of it again and again
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(switch)
        gc.set_threshold(*threshold)
        gc.unfreeze()
