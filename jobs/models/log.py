"""The log of a model: an entry for each step of its versions, in the folder ``log`` beside them.

Each entry is a small JSON file of its own, named by its time: nothing is ever written again, any number of processes
add to it, and an object store holds it as a folder does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from penstock.features.errors import PenstockError
from penstock.jobs.models.storage.storage import Models, storage_of

LOG = "log"


@dataclass(frozen=True)
class Entry:
    """A step. ``action``: a verb such as train, import, promote, rollback, remove, prune, takeover, refuse.

    ``version``: the version it is about, None where it is about none; ``details``: JSON values by name.
    """

    at: datetime
    action: str
    version: str | None
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; ``at`` in ISO 8601, UTC."""
        return {**asdict(self), "at": self.at.isoformat(timespec="microseconds")}


def record(models: Models, model: str, action: str, version: str | None = None, **details: Any) -> Entry:
    """Adds an entry to a model's log. ``details``: JSON values. Raises PenstockError where it cannot be written."""
    entry = Entry(datetime.now(UTC), action, version, details)
    data = orjson.dumps(entry.to_dict()) + b"\n"
    name = f"{entry.at:%Y%m%dT%H%M%S.%fZ}-{hashlib.sha256(data).hexdigest()[:8]}.json"
    try:
        storage_of(models).replace(data, model, LOG, name)
    except OSError as error:
        raise PenstockError(
            f"the log of {model} cannot be written: {error.strerror or error}",
            where=storage_of(models).where(model, LOG),
        ) from None
    return entry


def record_or_tell(
    models: Models, model: str, told: Callable[[str], None], action: str, version: str | None, **details: Any
) -> None:
    """Adds an entry; a line where it cannot be written. For a job that goes on without its log."""
    try:
        record(models, model, action, version, **details)
    except PenstockError as error:
        told(f"warning: {error.what}")


def entries(models: Models, model: str, last: int | None = None) -> list[Entry]:
    """A model's log, the oldest entry first. ``last``: only so many of the newest.

    Raises PenstockError for an entry that cannot be read.
    """
    storage = storage_of(models)
    try:
        names = sorted(name for name in storage.names(model, LOG) if name.endswith(".json") and name[0] != ".")
        chosen = names if last is None else names[-last:] if last else []
        files = storage.read_those_there([(model, LOG, name) for name in chosen])
    except OSError as error:
        raise PenstockError(
            f"the log of {model} cannot be read: {error.strerror or error}", where=storage.where(model, LOG)
        ) from None
    return [_entry(storage.where(*file), data) for file, data in sorted(files.items())]


def _entry(where: str, data: bytes) -> Entry:
    try:
        read = orjson.loads(data)
        return Entry(datetime.fromisoformat(read["at"]), read["action"], read["version"], read["details"])
    except (ValueError, KeyError, TypeError) as error:
        raise PenstockError(f"an entry of the log cannot be read: {error}", where=where) from None
