"""The topic whose requests a group answers: is it the one that it has answered before?

A group's offsets go with a topic that is deleted, so only a note of one's own tells that there ever was another one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.features.errors import RefusedError
from penstock.jobs.kafka.lag import reached_by
from penstock.jobs.kafka.loss import Anew, made_anew
from penstock.jobs.process.whole_file import write_whole
from penstock.jobs.project.config import Config


class RequestTopic:
    """``folder``: where this machine keeps its notes; ``id``: the one that the topic has now."""

    def __init__(self, config: Config, folder: Path, group: str, topic: str, id: str) -> None:
        self._config, self._group, self._topic, self._id = config, group, topic, id
        self._folder, self._file = folder, folder / f"{group}.{topic}.json"
        #: Requests of a topic that was deleted, not answered when it was last seen.
        self.lost = 0
        #: Is this one new, and accepted? Then nothing of it has been answered.
        self.anew = False

    def check(self, accept_loss: bool, told: Callable[[str], None]) -> None:
        """Raises RefusedError when another topic of this name was read before, unless that is accepted: then counts."""
        known = self._known()
        if known is not None and known["id"] != self._id:
            change = self._change(known)
            if not accept_loss:
                raise self._refused(change)
            told(f"accepted: {change}")
            self.lost, self.anew = change.missing, True
        self._note(0)

    def deleted(self) -> RefusedError:
        """The error for the topic that was deleted while it was read."""
        known = self._known()
        return self._refused(Anew(self._topic, 0) if known is None else self._change(known))

    def look(self) -> None:
        """Notes down how many requests are still to be answered. Raises PenstockError when Kafka does not say so."""
        reached = reached_by(self._config, self._group, [self._topic])
        self._note(sum(at.end - (at.first if at.committed is None else at.committed) for at in reached.values()))

    def _known(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = json.loads(self._file.read_text()) if self._file.is_file() else None
        return found

    def _note(self, unanswered: int) -> None:
        note = {"id": self._id, "unanswered": unanswered}
        if note == self._known():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._file, json.dumps(note))

    def _change(self, known: dict[str, Any]) -> Anew:
        return Anew(self._topic, int(known["unanswered"]))

    def _refused(self, change: Anew) -> RefusedError:
        return made_anew([change], f"group {self._group}")
