"""The command line. Each command is a module of ``penstock.jobs.commands``, imported only when it is called."""

from __future__ import annotations

import importlib
import json
import sys

import click

from penstock.features.errors import PenstockError, UsageError
from penstock.jobs.commands.group import Commands
from penstock.jobs.console.visible import visible

#: Command → one line of help: what ``penstock --help`` lists without importing any of them.
COMMANDS = {
    "init": "Start a project: configuration, definitions and Feast files in a new folder.",
    "check": "Show what the definitions compile to, or all that is wrong with them.",
    "up": "Start the local Kafka broker.",
    "down": "Stop the local Kafka broker.",
    "backfill": "Compute the change points of views over history, as Parquet.",
    "materialize": "Write the newest backfilled row of every key to the online store.",
    "stream": "Run the Flink job and the store writer.",
    "training-set": "Join every request of a model's history with its features at that time.",
    "train": "Train a model version and make it the current one.",
    "model": "Manage a model's versions; take one in from elsewhere, and give one away.",
    "infer": "Answer a model's requests on Kafka.",
    "serve": "Answer requests for models over HTTP.",
    "predict": "Answer a history, a file of requests, every key; or keys ahead of time.",
    "status": "Show the whole path: broker, Flink job, views, models, dead letters.",
    "explain": "Show what one prediction was made of, and whether batch says the same.",
    "audit": "Compare all that a model was served with batch, with causes.",
    "quality": "Show how good a model's answers were, as their labels come.",
    "drift": "Show how far served vectors and labels are from those of training.",
    "retrain": "Train on served vectors whose labels have come, and promote what is better.",
    "repair": "Recompute what late or corrected events touch, offline and online.",
    "resend": "Send dead letters to their topics again, after a fix.",
    "parity": "Compare the engines on events of your own, to the bit.",
    "replay": "Send history to Kafka in event-time order.",
    "demo": "The whole path on real flights, from nothing to checked predictions.",
}

#: Commands that import Feast.
_WITH_FEAST = ("materialize", "stream", "infer", "serve", "explain", "audit", "repair", "demo")


@click.command(
    cls=Commands,
    package="penstock.jobs.commands",
    helps=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120, "terminal_width": 120},
)
@click.version_option(package_name="penstock")
def penstock() -> None:
    """One feature definition: a Flink stream, a batch backfill, a Feast store, predictions on Kafka."""


def main() -> None:
    """The entry point. Exit codes: 0 done, 1 it failed, 2 it was asked wrongly."""
    if sys.argv[1:2] and sys.argv[1] in _WITH_FEAST:
        importlib.import_module("penstock.jobs.store.quick_start").leave_feast_unchecked()
    try:
        sys.exit(penstock.main(args=sys.argv[1:], prog_name="penstock", standalone_mode=False))
    except PenstockError as error:  # of an option that could not be read, or of a command with --debug
        if "--debug" in sys.argv:
            raise
        _fail(error)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _fail(_as_usage_error(error))
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)


def _fail(error: PenstockError) -> None:
    """As a command does: no command has begun yet."""
    click.echo(f"error: {visible(error.render())}", err=True)
    if "--json" in sys.argv:
        click.echo(json.dumps({"error": error.to_json()}))
    sys.exit(error.exit_code)


def _as_usage_error(error: click.ClickException) -> PenstockError:
    """What click says of a command line that it cannot read, in one sentence."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return UsageError(error.format_message().rstrip("."))
    return UsageError(
        error.format_message().rstrip("."),
        where=context.command_path,
        allowed=", ".join(context.command.list_commands(context)) if isinstance(context.command, Commands) else None,
        hint=f"see '{context.command_path} --help'",
    )


if __name__ == "__main__":
    main()
