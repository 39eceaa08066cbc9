"""Paths into a JSON document: ``order.total.amount``, ``items[0].sku``, ``labels["unit price"]``."""

from __future__ import annotations

import json
import re

from penstock.features.errors import DefinitionError
from penstock.features.location import caller

#: The name of a field, or the place of an array's element, from 0.
Step = str | int
#: From the document inwards; the first step is a name.
Path = tuple[Step, ...]

#: How many steps a path has at most, and the last element of an array that one reaches.
MOST_STEPS, LAST_ELEMENT = 32, 999

_PLAIN = r'[^\s.\[\]"\\\x00-\x1f\x7f]+'
_QUOTED = r'\[("(?:[^"\\\x00-\x1f]|\\.)*")\]'
_FIRST = re.compile(f"(?P<plain>{_PLAIN})|{_QUOTED}")
_NEXT = re.compile(rf"\.(?P<plain>{_PLAIN})|{_QUOTED}|\[(?P<index>0|[1-9][0-9]{{0,2}})\]")

_ALLOWED = 'names with dots between them, [0] for an element, ["any text"] for any other name'


def parse_path(text: object) -> Path:
    """The steps of a path. Raises DefinitionError for a text that is no path."""
    if not isinstance(text, str):
        raise DefinitionError(f"the path {text!r} is not text", where=caller(), allowed=_ALLOWED)
    steps: list[Step] = []
    at = 0
    while at < len(text) or not steps:
        match = (_NEXT if steps else _FIRST).match(text, at)
        step = None if match is None else _step(match)
        if match is None or step is None:
            raise _wrong(text, at)
        steps.append(step)
        at = match.end()
    if len(steps) > MOST_STEPS:
        raise DefinitionError(f"the path {text!r} has {len(steps)} steps", where=caller(), allowed=str(MOST_STEPS))
    return tuple(steps)


def _step(match: re.Match[str]) -> Step | None:
    groups = match.groupdict()
    if groups.get("index") is not None:
        return int(groups["index"])
    if groups["plain"] is not None:
        return str(groups["plain"])
    try:
        name = str(json.loads(next(group for group in match.groups() if group is not None)))
        name.encode()
    except ValueError:
        return None
    return name


def _wrong(text: str, at: int) -> DefinitionError:
    return DefinitionError(
        f"the path {text!r} cannot be read from character {at + 1} on",
        where=caller(),
        allowed=_ALLOWED,
        hint='write ["first name"], ["a.b"] for names with blanks or dots',
    )


def path_text(path: Path) -> str:
    """A path as it is written."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(_PLAIN, step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text
