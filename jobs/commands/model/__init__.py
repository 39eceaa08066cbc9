"""``penstock model``: versions of a model."""

from __future__ import annotations

from penstock.jobs.commands.group import Commands

#: Command → one line of help.
COMMANDS = {
    "list": "Show the versions, and which is the current one.",
    "show": "Print what is known of a version.",
    "diff": "Show how two versions differ.",
    "promote": "Make a version the current one.",
    "rollback": "Go back to the version that was current before.",
    "prune": "Delete old versions.",
    "import": "Make a model that was trained elsewhere the current version.",
    "export": "Write a version as a file for other programs.",
}

command = Commands(__name__, COMMANDS, name="model", help="Manage the versions of a model.")
