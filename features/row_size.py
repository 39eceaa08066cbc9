"""How long the texts in a view's rows may be, so that every row fits into one record.

Kafka takes records of 1 MB unless it is told otherwise, and a row that no topic takes would end the stream at every
restart again. What else stands in a row is known beforehand, so what is left is shared by its texts.
"""

from __future__ import annotations

from collections.abc import Iterable

from penstock.features.types import element

#: Bytes of a record's key and value: Kafka's limit (1 MiB) less its own bytes and the headers.
ROW_BYTES = 1_000_000
#: Bytes of JSON for one byte of a text at most: a control character is written as \u0001.
_ESCAPED = 6
#: Bytes of any other value, or of the quotes around a text, with what parts it from the next one: a double has 24.
_VALUE = 32
#: Bytes of a row's own names, t and seq; and of the quotes and the colon of a name.
_FRAME, _NAME = 1_024, 4
#: A view whose texts would have less room than so many bytes is refused.
LEAST_BYTES = 16


def text_limit(keys: Iterable[tuple[str, str]], features: Iterable[tuple[str, str, int]]) -> int:
    """The most bytes of UTF-8 that a text in a row may have; where there is none, what is left.

    ``keys``: name and type of each key column, which stand in the record's key and in its value; ``features``: name,
    type and the most values of each. Below ``LEAST_BYTES`` where the rows are too large without any text.
    """
    values = [*((*key, 1) for key in keys for _ in range(2)), *features]
    left = ROW_BYTES - _FRAME - sum(len(name.encode()) + _NAME + _VALUE * most for name, _, most in values)
    texts = sum(most for _, type, most in values if holds_text(type))
    return left // (_ESCAPED * max(1, texts))


def holds_text(type: str) -> bool:
    """Is it text, or a list of texts?"""
    return (element(type) or type) == "string"
