"""From which type to which: the casts, and why there is none between others."""

from __future__ import annotations

from penstock.features.errors import DefinitionError, did_you_mean
from penstock.features.location import caller
from penstock.features.types import TYPES

#: Type → the types that it casts to.
CASTS: dict[str, tuple[str, ...]] = {
    "int64": ("float64", "string", "timestamp"),
    "float64": ("int64",),
    "string": ("int64", "float64"),
    "bool": ("int64", "float64"),
    "timestamp": ("int64",),
}

_NO_BOOL = ("what counts as true would be a guess", "x != 0")

#: (From, to) → why not, and the nearest thing that works.
REFUSED: dict[tuple[str, str], tuple[str, str]] = {
    ("float64", "string"): (
        "Python, Java and SQL write the digits of a double in different ways",
        'x.round().cast("int64").cast("string") writes the nearest whole number',
    ),
    ("float64", "timestamp"): ("milliseconds are whole", 'x.cast("int64").cast("timestamp")'),
    ("float64", "bool"): _NO_BOOL,
    ("int64", "bool"): _NO_BOOL,
    ("string", "bool"): ("what counts as true would be a guess", 's == "true"'),
    ("string", "timestamp"): (
        "a date can be written in many ways",
        'declare the column as a timestamp, or write milliseconds: s.cast("int64").cast("timestamp")',
    ),
    ("bool", "string"): ("what true is called would be a guess", 'when(x).then("yes").otherwise("no")'),
    ("bool", "timestamp"): ("neither truth is a time", 'x.cast("int64") is 0 or 1'),
    ("timestamp", "float64"): ("milliseconds are whole", 't.cast("int64"), which mixes with float64'),
    ("timestamp", "string"): (
        "a date can be written in many ways",
        't.cast("int64").cast("string") writes its milliseconds',
    ),
    ("timestamp", "bool"): ("a time is neither true nor false", "t.is_null()"),
}


def cast_operator(given: str, wanted: object) -> str:
    """The operator that casts. Raises DefinitionError where there is none."""
    if wanted not in TYPES:
        raise DefinitionError(
            f"{wanted!r} is not a type to cast to",
            where=caller(),
            allowed=" ".join(TYPES),
            hint=did_you_mean(str(wanted), TYPES),
        )
    if wanted not in CASTS[given]:
        why, instead = REFUSED[given, wanted]
        raise DefinitionError(
            f"a {given} is not cast to {wanted}: {why}", where=caller(), allowed=" ".join(CASTS[given]), hint=instead
        )
    return f"to_{wanted}"
