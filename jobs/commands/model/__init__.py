"""``penstock model``: versions of a model."""

from __future__ import annotations

from penstock.jobs.commands.group import Commands

#: Command → one line of help.
COMMANDS = {
    "list": "Show the versions, and which are current, shadow and canary.",
    "show": "Print what is known of a version, and the log of the model.",
    "diff": "Show how two versions differ.",
    "promote": "Make a version the current one, the shadow or the canary.",
    "rollback": "Go back to the version that was current before, or end a shadow or a canary.",
    "prune": "Delete old versions.",
    "import": "Make a model that was trained elsewhere the current version.",
    "export": "Write a version as a file for other programs.",
}

command = Commands(__name__, COMMANDS, name="model", help="Manage the versions of a model.")
