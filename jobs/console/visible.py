"""Text that may come from anywhere, made safe for a terminal: a key, a file's name or an error must not command it."""

from __future__ import annotations

import re

#: What a terminal obeys or hides instead of showing it: control characters (C0 but for tab and newline, DEL, C1), what
#: turns the direction of writing, characters of no width, other ends of a line, and halves of surrogate pairs.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """The text with such characters as Python writes them (``\\x1b``). Tabs and newlines stay."""
    return _UNSEEN.sub(_written, text)


def one_line(text: str) -> str:
    """The same with newlines written, too, so that no value can pretend to be a line of ours."""
    return visible(text).replace("\n", "\\n")


def _written(found: re.Match[str]) -> str:
    code = ord(found[0])
    return {10: "\\n", 13: "\\r"}.get(code) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
