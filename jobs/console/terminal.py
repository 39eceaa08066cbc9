"""The console of all commands: text is text, whatever it holds."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from penstock.jobs.console.visible import visible


class Terminal(Console):
    """rich's console without markup and emoji codes: ``[/]`` and ``:bell:`` in a name are shown as they are, and what a
    terminal would obey is written out. Cells, titles and captions of tables come this way, too.
    """

    def __init__(self, *, stderr: bool) -> None:
        # soft: a path is never broken in two
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def render_str(self, text: str, **options: Any) -> Text:
        """rich's own, for a text that is safe."""
        return super().render_str(visible(text), **{**options, "markup": False, "emoji": False})
