"""Where a job goes on: its newest state on disk, and which definitions and topics that state belongs to."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from penstock.features.compilers.flink.config import JobSettings, newest_checkpoint
from penstock.features.errors import RefusedError
from penstock.jobs.process.whole_file import write_whole

#: The names of the source topics, of the topics of views' rows, and of those of their change points.
TOPIC, ROWS, CHANGE_POINTS = "topic of ", "rows of ", "change points of "

#: What a state belongs to: ``view <name>`` → fingerprint; ``topic of <source>``, ``rows of <view>`` and
#: ``change points of <view>`` → name and id.
Identity = Mapping[str, str]


def date_back(settings: JobSettings) -> None:
    """After the wall clock has gone back: the newest state is of now, the others are older by as much as they were.

    Until the clock had caught up, no state taken since would be the newest.
    """
    found = [*settings.checkpoints.glob("*/chk-*/_metadata"), *settings.savepoints.glob("*/_metadata")]
    times = {path: path.stat().st_mtime_ns for path in found}
    ahead = max(times.values(), default=0) - time.time_ns()
    if ahead > 0:
        for path, written in times.items():
            os.utime(path, ns=(written - ahead, written - ahead))


def newest_state(settings: JobSettings) -> Path | None:
    """The newest complete checkpoint or savepoint; None when the job has to begin anew."""
    saved = [path.parent for path in settings.savepoints.glob("*/_metadata")]
    checkpoint = newest_checkpoint(settings.checkpoints)
    found = [*saved, *([checkpoint] if checkpoint is not None else [])]
    return max(found, key=lambda path: (path / "_metadata").stat().st_mtime_ns, default=None)


def check_place(settings: JobSettings) -> None:
    """Notes down where the job's states are kept. Raises RefusedError when there are some in another place only.

    A job that cannot see its state would begin anew, and say nothing.
    """
    file = settings.state / "kept"
    before = Path(file.read_text()) if file.is_file() else settings.state.resolve()
    if before != settings.kept and newest_state(settings) is None and _has_state(before):
        raise RefusedError(
            f"the stream's state is kept in {before}, and now another folder is configured",
            where=str(settings.kept),
            hint="end the stream with Ctrl-C under the old configuration, then move its savepoints to the new folder",
        )
    write_whole(file, str(settings.kept))


def _has_state(folder: Path) -> bool:
    return any(True for pattern in ("checkpoints/*/chk-*", "savepoints/*") for _ in folder.glob(f"{pattern}/_metadata"))


def forget_older(settings: JobSettings, restored: Path, job: str) -> None:
    """Deletes the states of earlier runs, except what the running ``job`` has been restored from."""
    own = restored if restored.parent == settings.savepoints else restored.parent
    for folder in (*settings.checkpoints.glob("*"), *settings.savepoints.glob("*")):
        if folder not in (own, settings.checkpoints / job):
            shutil.rmtree(folder)


def check_identity(settings: JobSettings, restored: Path | None, identity: Identity) -> list[str]:
    """The names in ``identity`` whose topic has another id than the one that the state to go on from belongs to.

    Raises RefusedError when that state belongs to other definitions, or to topics of other names.
    """
    if restored is None:
        return []
    file = _identity_file(settings)
    held: Identity = json.loads(file.read_text()) if file.is_file() else {}
    changed = sorted(name for name in {*held, *identity} if _changed(name, held, identity))
    anew = [
        name
        for name in changed
        if name in held
        and name in identity
        and _topic(held, name) is not None
        and _topic(held, name) == _topic(identity, name)
    ]
    if len(anew) < len(changed):
        raise _refused(settings, restored, held, identity, changed)
    return anew


def write_identity(settings: JobSettings, identity: Identity) -> None:
    """Notes down what the job's state belongs to."""
    write_whole(_identity_file(settings), json.dumps(dict(identity), indent=1, sort_keys=True))


def _identity_file(settings: JobSettings) -> Path:
    return settings.state / "identity.json"


def _changed(name: str, held: Identity, identity: Identity) -> bool:
    # a state of an older version does not say which topics its rows went to
    return held.get(name) != identity.get(name) and not (name.startswith(ROWS) and name not in held)


def _topic(side: Identity, name: str) -> str | None:
    """The topic's name; None of what is no topic."""
    return side[name].split(" ")[0] if name.startswith((TOPIC, ROWS)) else None


def _refused(
    settings: JobSettings, restored: Path, held: Identity, identity: Identity, changed: list[str]
) -> RefusedError:
    def words(side: Identity) -> str:
        return "; ".join(f"{name}: {side.get(name, 'none')}" for name in changed)

    return RefusedError(
        f"the stream's state belongs to other definitions or topics: {words(held)}",
        where=str(restored),
        allowed=words(identity),
        hint="take the definitions back; or give a changed view a new name and delete "
        f"{settings.state}, and all topics are read again from their beginning",
    )
