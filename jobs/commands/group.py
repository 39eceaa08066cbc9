"""A group of commands, each a module that is imported only when it is called."""

from __future__ import annotations

import importlib
import keyword
from collections.abc import Mapping
from typing import Any

import click


class Commands(click.Group):
    """``package``: where the modules are, with ``_`` for ``-``; ``helps``: command → one line of help."""

    def __init__(self, package: str, helps: Mapping[str, str], **options: Any) -> None:
        super().__init__(**options)
        self._package, self._helps = package, helps

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the path from definition to prediction."""
        return list(self._helps)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command's module."""
        if cmd_name not in self._helps:
            return None
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"{self._package}.{f'{name}_' if keyword.iskeyword(name) else name}")
        assert isinstance(module.command, click.Command)
        return module.command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line for each command, without importing it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._helps.items()))
