"""The lines of a model with ``by=``: each value of the column has versions of its own, beside those for the rest.

A line is a folder beside the model's own, which is for the rest: ``<model>@<value>``, the value's text as in a URL.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

from penstock.features.errors import PenstockError, UsageError
from penstock.jobs.models.storage.storage import Models, storage_of

_MARK = "@"
#: The longest name of a line, in characters: names of files have 255 bytes.
LONGEST = 200


def line_of(model: str, part: str | None) -> str:
    """The folder of a part; of the rest (None) the model's own. Raises UsageError for a text that no folder can have.

    >>> line_of("cost", "São Paulo"), line_of("cost", None)
    ('cost@S%C3%A3o%20Paulo', 'cost')
    """
    if part is None:
        return model
    line = f"{model}{_MARK}{quote(part, safe='')}"
    if len(line) > LONGEST:
        raise UsageError(f"{part[:40]!r}… is too long to name the versions of {model}", allowed=f"{LONGEST} characters")
    return line


def part_text(value: Any) -> str | None:
    """The text of a column's value; None for null, which is of the rest.

    >>> part_text("US"), part_text(7), part_text(True), part_text(None)
    ('US', '7', 'true', None)
    """
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def part_value(text: str, type: str) -> Any:
    """The value of a column of this type whose text it is. Raises ValueError for a text of no value.

    >>> part_value("7", "int64"), part_value("true", "bool")
    (7, True)
    """
    value: Any = text
    if type == "int64":
        value = int(text)
    elif type == "bool":
        value = text == "true"
    if part_text(value) != text:
        raise ValueError(text)
    return value


def parts_of(models: Models, model: str) -> list[str]:
    """The parts that have a line, by text. Raises PenstockError where the folder cannot be read."""
    storage = storage_of(models)
    try:
        names = storage.names()
    except OSError as error:
        why = error.strerror or error
        raise PenstockError(f"the parts of {model} are not known: {why}", where=storage.where()) from None
    start = f"{model}{_MARK}"
    return sorted(unquote(name.removeprefix(start)) for name in names if name.startswith(start))
