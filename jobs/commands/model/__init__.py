"""``penstock model``: versions of a model."""

from __future__ import annotations

from penstock.jobs.commands.group import Commands

#: Command → one line of help.
COMMANDS = {
    "import": "Make a model that was trained elsewhere the current version.",
    "export": "Write a version as a file for other programs.",
}

command = Commands(__name__, COMMANDS, name="model", help="Take a model in from elsewhere, and give one away.")
