"""Where a column's value stands in a record. It is spelling, not meaning: no plan and no fingerprint holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from penstock.features.errors import DefinitionError
from penstock.features.location import caller
from penstock.features.records.path import Path, parse_path, path_text


@dataclass(frozen=True)
class Fields:
    """A field of the record's document. Of several paths the first counts whose object or array is there."""

    paths: tuple[Path, ...]

    def __str__(self) -> str:
        return " or ".join(map(path_text, self.paths))

    def to_json(self) -> Any:
        """As the Java side reads it."""
        return [list(path) for path in self.paths]


@dataclass(frozen=True)
class Header:
    """A header of the record, as text; of several with one name the last."""

    name: str

    def __str__(self) -> str:
        return f"the header {self.name}"

    def to_json(self) -> Any:
        """As the Java side reads it."""
        return {"header": self.name}


@dataclass(frozen=True)
class RecordKey:
    """The record's key: as text, or with ``path`` a field of the JSON object that it is."""

    path: Path | None = None

    def __str__(self) -> str:
        return "the record's key" if self.path is None else f"{path_text(self.path)} of the record's key"

    def to_json(self) -> Any:
        """As the Java side reads it."""
        return {"key": None if self.path is None else list(self.path)}


@dataclass(frozen=True)
class RecordTime:
    """The record's own timestamp."""

    def __str__(self) -> str:
        return "the record's timestamp"

    def to_json(self) -> Any:
        """As the Java side reads it."""
        return {"timestamp": True}


Origin = Fields | Header | RecordKey | RecordTime


def own_name(name: str) -> Fields:
    """The field of a column's own name."""
    return Fields(((name,),))


def fields(path: object) -> Fields:
    """The origin for what ``path=`` gives: a path, or several. Raises DefinitionError."""
    texts = list(path) if isinstance(path, (list, tuple)) else [path]
    if not texts:
        raise DefinitionError("path= names no path", where=caller(), allowed="one path or more")
    paths = tuple(map(parse_path, texts))
    if any(len(each) == 1 for each in paths[:-1]):
        raise DefinitionError(
            f"{path_text(paths[0])} would always count: the record itself is always there",
            where=caller(),
            allowed="several paths into different objects, such as ('after.id', 'before.id')",
        )
    return Fields(paths)


def check_apart(source: str, origins: Mapping[str, Origin]) -> None:
    """Raises DefinitionError for two paths that no document has both: a value where the other has an object."""
    for whole in (_all_paths(origins.values(), key=False), _all_paths(origins.values(), key=True)):
        for one, other in pairwise(sorted(set(whole), key=_steps)):
            _check_pair(source, one, other)


def _all_paths(origins: Iterable[Origin], *, key: bool) -> list[Path]:
    if key:
        return [origin.path for origin in origins if isinstance(origin, RecordKey) and origin.path is not None]
    return [path for origin in origins if isinstance(origin, Fields) for path in origin.paths]


def _steps(path: Path) -> list[tuple[bool, Any]]:
    return [(isinstance(step, str), step) for step in path]


def _check_pair(source: str, one: Path, other: Path) -> None:
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    if at == len(one) or isinstance(one[at], str) != isinstance(other[at], str):
        raise DefinitionError(
            f"{source} reads {path_text(one)} and {path_text(other)}, and no record can have both",
            where=caller(),
            allowed="a value, an object or an array at one place",
        )


def layout_json(columns: Sequence[tuple[str, Origin]]) -> dict[str, Any]:
    """Column → where it stands, but for those that stand under their own names."""
    return {name: origin.to_json() for name, origin in columns if origin != own_name(name)}
