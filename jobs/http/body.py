"""A body in JSON, cut into its requests: one object, or an array of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from penstock.features.errors import PenstockError
from penstock.jobs.http.refusal import Refusal

_BLANK = " \t\r\n"
_DECODER = json.JSONDecoder()


class BodyRecord(NamedTuple):
    """A request as the parser takes records. It has no place on Kafka and no time of its own."""

    value: bytes
    topic: str = ""
    partition: int = -1
    offset: int = -1
    timestamp: int = -1
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()

    def carries(self, name: str, value: bytes) -> bool:
        """There are no headers."""
        return False


def requests_of(body: bytes) -> tuple[list[BodyRecord], bool]:
    """The requests, and whether they came as an array.

    Numbers keep their text. Raises Refusal for what is neither an object nor an array.
    """
    start = body.lstrip()[:1]
    if start == b"{":
        return [BodyRecord(body)], False
    if start != b"[":
        raise _not_json("the body is neither an object nor an array")
    try:
        text = body.decode()
        return [BodyRecord(part.encode()) for part in _elements(text)], True
    except UnicodeDecodeError as error:
        raise _not_json(f"the body is not UTF-8: byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _not_json(f"the body is not JSON: {error.msg}", f"character {error.pos}") from None
    except RecursionError:
        raise _not_json("the body is nested too deep") from None


def _elements(text: str) -> list[str]:
    """The elements of an array, as they are written."""
    at = _skip(text, _skip(text, 0) + 1)
    elements: list[str] = []
    if text[at : at + 1] == "]":
        return _ended(text, at, elements)
    while True:
        _, end = _DECODER.raw_decode(text, at)
        elements.append(text[at:end])
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            return _ended(text, at, elements)
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("a comma or the array's end is missing", text, at)
        at = _skip(text, at + 1)


def _ended(text: str, at: int, elements: list[str]) -> list[str]:
    if _skip(text, at + 1) != len(text):
        raise json.JSONDecodeError("something follows the array", text, at + 1)
    return elements


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in _BLANK and at < len(text):
        at += 1
    return at


def _not_json(what: str, where: str | None = None) -> Refusal:
    return Refusal(400, PenstockError(what, where=where, allowed="one request as a JSON object, or an array of them"))
