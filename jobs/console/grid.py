"""A table of which nothing is cut, on any terminal and piped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penstock.jobs.console.visible import one_line


@dataclass
class Grid:
    """A table that is never cut: where it is too wide for a terminal its rows stand one below the other."""

    title: str
    names: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def fitted(self, console: Console) -> Table:
        """The table for this console; what is piped has lines as long as they have to be."""
        wide = self._wide()
        width = console.measure(wide, options=console.options.update(max_width=100_000)).maximum
        if console.is_terminal and width > console.width:
            return self._narrow()
        wide.width = width
        return wide

    def _wide(self) -> Table:
        table = Table(*self.names, title=self.title)
        for row in self.rows:
            table.add_row(*map(_cell, row))
        return table

    def _narrow(self) -> Table:
        """Two columns; what does not fit even so goes on in the next line."""
        table = Table(title=self.title, show_header=False)
        table.add_column(overflow="fold")
        table.add_column(overflow="fold")
        for row in self.rows:
            for name, text in zip(self.names, row, strict=True):
                table.add_row(name, _cell(text))
            table.add_section()
        return table


def _cell(text: str) -> Text:
    """What a topic or a broker said is no markup, and nothing that a terminal obeys."""
    return Text(one_line(text))
