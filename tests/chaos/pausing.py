"""A ``penstock`` command that can be made to stand still between doing and committing: ``pausing FOLDER COMMAND…``.

The file ``FOLDER/<place>.hold`` asks for it once; ``<place>.held`` says that it stands, ``<place>.go`` lets it go on.
Places: ``inference`` (predictions are sent, their transaction is not committed), ``writer`` (rows are in the store,
their offsets are not committed). It lives by the clock of the folder, if there is one (``clock``).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from penstock.jobs.cli import main as penstock
from penstock.jobs.streaming.writer import Writer
from tests.chaos.clock import live_by

#: Seconds after which it goes on whatever happens: well before anybody loses patience with a transaction.
LONGEST_S = 8.0


def held(folder: Path, place: str) -> None:
    """Stands still when it was asked to."""
    hold, go = folder / f"{place}.hold", folder / f"{place}.go"
    if not hold.exists():
        return
    hold.unlink()
    (folder / f"{place}.held").touch()
    deadline = time.monotonic() + LONGEST_S
    while not go.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def after(function: Callable[..., Any], folder: Path, place: str) -> Callable[..., Any]:
    """The function, and then a place to stand still."""

    def pausing(*arguments: Any, **named: Any) -> Any:
        result = function(*arguments, **named)
        held(folder, place)
        return result

    return pausing


def before(function: Callable[..., Any], folder: Path, place: str) -> Callable[..., Any]:
    """A place to stand still, and then the function."""

    def pausing(*arguments: Any, **named: Any) -> Any:
        held(folder, place)
        return function(*arguments, **named)

    return pausing


if __name__ == "__main__":
    own = Path(sys.argv.pop(1))
    live_by(own)
    KafkaProducer.commit_transaction = before(KafkaProducer.commit_transaction, own, "inference")
    Writer._write = after(Writer._write, own, "writer")  # type: ignore[method-assign]
    penstock()
