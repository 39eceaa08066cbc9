"""Durations as people write them: ``500ms 10s 5m 3h 7d``."""

from __future__ import annotations

import re

from penstock.features.errors import DefinitionError
from penstock.features.location import caller

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FORM = re.compile(r"(0|[1-9][0-9]{0,17})(ms|s|m|h|d)")

#: A century. Event times end in the year 9999, so that no time plus a duration leaves int64, not even in microseconds.
LONGEST = "36500d"
LONGEST_MS = 36_500 * UNITS_MS["d"]


def parse_duration(text: str, *, zero: bool = False) -> int:
    """Milliseconds of a duration such as ``"30m"``. Zero is refused unless ``zero``, as is more than ``LONGEST``.

    Raises DefinitionError for anything else, with the legal units.
    """
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    if match is None or (int(match[1]) == 0 and not zero):
        raise DefinitionError(
            f"{text!r} is not a duration",
            where=caller(),
            allowed=f"a {'whole' if zero else 'positive whole'} number and one of {' '.join(UNITS_MS)}, as in '30m'",
            hint="months and years have no fixed length: say them in days" if re.search("mo|y", str(text)) else None,
        )
    milliseconds = int(match[1]) * UNITS_MS[match[2]]
    if milliseconds > LONGEST_MS:
        raise DefinitionError(
            f"{text} is too long",
            where=caller(),
            allowed=f"at most {LONGEST}",
            hint="lifetime() is a window without end",
        )
    return milliseconds


def duration(milliseconds: int) -> str:
    """The duration of this length, in the greatest unit that has it whole: ``26h``."""
    size, unit = max((size, unit) for unit, size in UNITS_MS.items() if milliseconds % size == 0)
    return f"{milliseconds // size}{unit}"


def duration_text(milliseconds: int) -> str:
    """A length of time in the units of durations: ``30d 1h``."""
    parts = []
    for unit, size in sorted(UNITS_MS.items(), key=lambda item: -item[1]):
        count, milliseconds = divmod(milliseconds, size)
        parts += [f"{count}{unit}"] if count else []
    return " ".join(parts) or "0s"
