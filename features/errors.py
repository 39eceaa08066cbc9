"""The one error that a user sees: what is wrong, where, what is allowed, and a hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PenstockError(Exception):
    """A mistake that a user can mend.

    ``what`` says what is wrong; ``where`` names the place (file:line, topic, option); ``allowed`` what
    would be right; ``hint`` the next step. ``exit_code`` is what the command line ends with: 1 for a
    failure of the world (a broker that is down), 2 for a mistake in what was asked.
    """

    exit_code = 1

    def __init__(
        self, what: str, *, where: str | None = None, allowed: str | None = None, hint: str | None = None
    ) -> None:
        self.what, self.where, self.allowed, self.hint = what, where, allowed, hint
        super().__init__(self.render())

    def render(self) -> str:
        """The message as lines ``what``, ``where: …``, ``allowed: …``, ``hint: …``; absent parts are left out."""
        parts = (("where", self.where), ("allowed", self.allowed), ("hint", self.hint))
        return "\n".join([self.what, *(f"  {name}: {text}" for name, text in parts if text)])


class DefinitionError(PenstockError):
    """A definition that cannot mean anything: raised when it is read, with its file and line."""

    exit_code = 2


class UsageError(PenstockError):
    """A wrong option or argument."""

    exit_code = 2


class RefusedError(PenstockError):
    """Rows, models or stored values that belong to another plan (both fingerprints are named)."""


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """``did you mean 'x'?`` for the nearest known name, or None when nothing is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else None
