"""What all commands share: the decorator that turns errors into clear lines, options and kinds of parameters."""

from __future__ import annotations

import errno
import functools
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from penstock.features.errors import PenstockError, UsageError
from penstock.features.plan import ModelPlan
from penstock.jobs.console.visible import visible
from penstock.jobs.kafka.loss import OPTION
from penstock.jobs.models.lines import part_value
from penstock.jobs.project.context import Context


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Adds ``--project --json --debug`` and turns errors into four clear lines and an exit code."""

    @click.option("--project", type=click.Path(path_type=Path, file_okay=False), help="Folder with penstock.toml.")
    @click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @functools.wraps(function)
    def wrapped(project: Path | None, as_json: bool, debug: bool, **options: Any) -> None:
        context = Context(project, as_json)
        try:
            function(context, **options)
        except PenstockError as error:
            if debug:
                raise
            _fail(context, error)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except Exception as error:
            if debug:
                raise
            _fail(context, _of_the_system(error) if isinstance(error, OSError) else _unforeseen(error))

    return wrapped


def _of_the_system(error: OSError) -> PenstockError:
    """What the system refuses: a full disk, a folder that may not be written, a file that is none."""
    if error.strerror is None:
        return _unforeseen(error)
    where = error.filename2 or error.filename
    return PenstockError(
        error.strerror, where=None if where is None else os.fsdecode(where), hint=_HINTS.get(error.errno or 0)
    )


_HINTS = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "make room on that disk",
    errno.EROFS: "the disk is mounted to be read only: give another folder",
    errno.EACCES: "give this user the right to it, or give another folder",
    errno.EPERM: "give this user the right to it, or give another folder",
}


def _unforeseen(error: Exception) -> PenstockError:
    return PenstockError(f"{type(error).__name__}: {error}", hint="this was not foreseen: --debug shows where")


def tell(text: str) -> None:
    """Lines on standard error, whatever they hold."""
    click.echo(visible(text), err=True)


def _fail(context: Context, error: PenstockError) -> None:
    for one in error.each:
        tell(f"error: {one.render()}")
    if len(error.each) > 1:
        tell(error.what)
    context.result(error=error.to_json())
    sys.exit(error.exit_code)


#: For commands that run until they are stopped.
metrics_option = click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Serve metrics to Prometheus at this port, or with 0 at any free one.",
)


#: For commands that read Kafka on from a position that they have kept.
accept_loss_option = click.option(
    OPTION,
    "accept_loss",
    is_flag=True,
    help="Go on where records are gone before they were read, and count what is missing.",
)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Time(click.ParamType[int]):
    """A point in time as an ISO date or date-time; UTC unless it says otherwise. Gives milliseconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds since the epoch. Raises UsageError."""
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            raise UsageError(
                f"{value!r} is not a time",
                where=f"--{param.name.removesuffix('_ms').replace('_', '-')}" if param and param.name else None,
                allowed="2013-10-31 or 2013-10-31T18:30:00, in UTC unless it ends with an offset",
            ) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(milliseconds=1)


TIME = Time()


#: For commands that are about the versions of one value of a model with ``by=``.
part_option = click.option("--part", metavar="VALUE", help="Of a model with by=: the value; the rest unless given.")


def check_part(plan: ModelPlan, part: str | None) -> None:
    """Raises UsageError for a part of a model that has none, and for a text that is no value of its column."""
    if part is None:
        return
    if plan.by is None:
        raise UsageError(f"{plan.name} has no parts", where="--part", allowed="a model with by=")
    type = plan.on.column(plan.by).type
    try:
        part_value(part, type)
    except ValueError:
        raise UsageError(f"{part!r} is no value of {plan.by}, which is {type}", where="--part") from None


class OutFile(click.Path):
    """A file to be written whole, in the place of one that may be there. Gives a Path."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The file's path. Raises UsageError for a folder, a pipe or a device: it would be replaced."""
        path = Path(value)
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no regular file", where="--out", allowed="a file, or a new name")
        return path


OUT_FILE = OutFile()
