"""Durations as people write them: ``500ms 10s 5m 3h 7d``."""

from __future__ import annotations

import re

from features.errors import DefinitionError
from features.location import caller

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FORM = re.compile(r"(\d+)(ms|s|m|h|d)")


def parse_duration(text: str, *, zero: bool = False) -> int:
    """Milliseconds of a duration such as ``"30m"``. Zero is refused unless ``zero``.

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
    return int(match[1]) * UNITS_MS[match[2]]
