"""The one error that a user sees: what is wrong, where, what is allowed, and a hint."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


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

    @property
    def each(self) -> Sequence[PenstockError]:
        """The mistakes that it stands for: itself, unless it stands for several."""
        return (self,)

    def to_json(self) -> dict[str, Any]:
        """Its parts, null where absent."""
        return {"what": self.what, "where": self.where, "allowed": self.allowed, "hint": self.hint}


class DefinitionError(PenstockError):
    """A definition that cannot mean anything: raised when it is read, with its file and line."""

    exit_code = 2


class DefinitionErrors(DefinitionError):
    """Several mistakes at once, in the order in which they were found."""

    def __init__(self, mistakes: Sequence[PenstockError]) -> None:
        self._each = tuple(mistakes)
        super().__init__(f"{len(self._each)} mistakes in the definitions")

    def render(self) -> str:
        """What each of them says, then how many there are."""
        return "\n".join([*(mistake.render() for mistake in self._each), self.what])

    @property
    def each(self) -> Sequence[PenstockError]:
        """The mistakes."""
        return self._each

    def to_json(self) -> dict[str, Any]:
        """With ``mistakes``, the parts of each."""
        return {**super().to_json(), "mistakes": [mistake.to_json() for mistake in self._each]}


class Mistakes:
    """Collects what is wrong with a definition, so that all of it is told at once."""

    def __init__(self) -> None:
        self.found: list[PenstockError] = []

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Keeps a DefinitionError of its block and goes on after it."""
        try:
            yield
        except DefinitionError as error:
            self.found += error.each

    def raise_found(self) -> None:
        """Raises what was found: the one mistake as it is, several as DefinitionErrors; nothing when all is right."""
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            raise DefinitionErrors(self.found)


def for_each(items: Iterable[Any], make: Callable[[Any], T]) -> tuple[T, ...]:
    """What ``make`` gives for each item. Raises DefinitionError for all the items that it refuses."""
    mistakes, made = Mistakes(), []
    for item in items:
        with mistakes.caught():
            made.append(make(item))
    mistakes.raise_found()
    return tuple(made)


class UsageError(PenstockError):
    """A wrong option or argument."""

    exit_code = 2


class RefusedError(PenstockError):
    """Rows, models or stored values that belong to another plan (both fingerprints are named)."""


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """``did you mean 'x'?`` for the nearest known name, or None when nothing is near."""
    names = list(known)
    near = [each for each in names if each.lower() == name.lower()] or difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]!r}?" if near else None
