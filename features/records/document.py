"""A record's parts, and the values in its JSON document by their paths.

Of a field that stands twice in one object the last one counts, at every level.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from penstock.features.records.casts import Numeral, Unfit
from penstock.features.records.numerals import HUGE
from penstock.features.records.origin import Fields, Header, Origin, RecordKey
from penstock.features.records.path import Path, path_text

#: How many objects and arrays of a JSON record may stand one in another, the record itself among them.
NESTING = 256

#: How much of a value, and how many of a record's fields and how deep, a message shows.
_SHOWN, _FIELDS, _DEEP = 40, 20, 3

Document = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """A record as it came. ``timestamp``: its own, in milliseconds; None, or below zero: it has none."""

    value: bytes | None
    timestamp: int | None = None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()


def _constant(text: str) -> NoReturn:
    raise Unfit("not json", f"{text} is not a value")


#: A bracket, or a string with those that are in it.
_BRACKETS = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def _integer(text: str) -> int:
    # int() refuses thousands of digits; beyond float64, one number is as good as another
    return int(text) if len(text) < 400 else (-1) ** text.startswith("-") * 10**400


def read_object(raw: bytes | None) -> Document:
    """The JSON object in a record's bytes; numbers with a fraction or an exponent as they are written. Raises Unfit."""
    try:
        text = (raw or b"").decode("utf-8")
        if may_be_deep(raw or b"") and _depth(text) > NESTING:
            raise Unfit("not json", f"nested deeper than {NESTING} levels")
        # a byte order mark is no white space in JSON
        value = json.loads(text, parse_constant=_constant, parse_float=Numeral, parse_int=_integer)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Unfit("not json", str(error)) from None
    if not isinstance(value, dict):
        raise Unfit("not json", "a JSON object is wanted")
    return value


def may_be_deep(raw: bytes) -> bool:
    """Could a record be nested deeper than ``NESTING``? Cheap, and true of all that are."""
    return raw.count(b"[") + raw.count(b"{") > NESTING


def _depth(text: str) -> int:
    """How deep brackets stand one in another, but for those in strings."""
    depth = deepest = 0
    for token in _BRACKETS.findall(text):
        depth += token in ("[", "{")
        depth -= token in ("]", "}")
        deepest = max(deepest, depth)
    return deepest


def read_value(origin: Origin, document: Document, record: Record) -> tuple[Any, bool]:
    """What stands there, None where nothing does; and whether there is nothing but text. Raises Unfit."""
    if isinstance(origin, Fields):
        return first_there(document, origin.paths), False
    if isinstance(origin, Header):
        values = [value for name, value in record.headers if name == origin.name]
        return _text(values[-1]) if values else None, True
    if isinstance(origin, RecordKey):
        return _of_key(origin, record.key)
    return None if record.timestamp is None or record.timestamp < 0 else record.timestamp, False


def _text(raw: bytes | None) -> str | None:
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        raise Unfit("wrong type", "not text in UTF-8") from None


def _of_key(origin: RecordKey, key: bytes | None) -> tuple[Any, bool]:
    if origin.path is None:
        return _text(key), True
    return None if key is None else value_at(read_object(key), origin.path), False


def first_there(document: Document, paths: Sequence[Path]) -> Any:
    """The value at the first path whose object or array is there; at the last one where none is. Raises Unfit."""
    for path in paths[:-1]:
        if value_at(document, path[:-1]) is not None:
            return value_at(document, path)
    return value_at(document, paths[-1])


def value_at(document: Any, path: Path) -> Any:
    """The value at a path; None where the path ends before. Raises Unfit for a step into what has no such steps."""
    node = document
    for place, step in enumerate(path):
        if node is None:
            return None
        if type(step) is int and type(node) is list:
            node = node[step] if step < len(node) else None
        elif type(step) is str and type(node) is dict:
            node = node.get(step)
        else:
            wanted = "an array" if type(step) is int else "an object"
            raise Unfit("wrong type", f"in {path_text(path[:place])}, which is {shown_value(node)} and not {wanted}")
    return node


def shown_value(value: Any) -> str:
    """The beginning of a value as JSON."""
    if isinstance(value, Numeral):
        text = str(value)
    elif type(value) is int and abs(value) > HUGE:
        text = "a number of many digits"
    else:
        text = json.dumps(value, ensure_ascii=False, default=str) if _small(value) else _kind(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _small(value: Any) -> bool:
    return not isinstance(value, (dict, list))


def _kind(value: Any) -> str:
    return "an object" if isinstance(value, dict) else "an array"


def fields_there(document: Document) -> str:
    """The names of a document's first fields, with those in its objects."""
    names: list[str] = []
    for path in _names(document, ()):
        if len(names) == _FIELDS:
            names.append("…")
            break
        names.append(path_text(path))
    return ", ".join(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…" for name in names) or "no fields"


def _names(document: Document, outer: Path) -> Iterator[Path]:
    for name, value in document.items():
        if isinstance(value, dict) and value and len(outer) + 1 < _DEEP:
            yield from _names(value, (*outer, name))
        else:
            yield (*outer, name)
