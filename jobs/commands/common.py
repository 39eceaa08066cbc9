"""What all commands share: options, errors, output, progress."""

from __future__ import annotations

import errno
import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from penstock.features.errors import PenstockError, UsageError
from penstock.jobs.config import Config, read_config
from penstock.jobs.console.private import private
from penstock.jobs.console.terminal import Terminal
from penstock.jobs.console.visible import visible
from penstock.jobs.kafka.loss import OPTION
from penstock.jobs.logs import configure, logger
from penstock.jobs.project import Project, find_project, load_project


class Bar:
    """A progress bar: called with the amount done so far and, once it is known, the amount in all."""

    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def __call__(self, done: int, total: int | None = None) -> None:
        self._bars.update(self._task, completed=done, total=total if total is not None else self._total())

    def _total(self) -> float | None:
        return next(task.total for task in self._bars.tasks if task.id == self._task)


class Context:
    """What a command works with. ``out`` prints for people; ``result`` is what ``--json`` prints."""

    def __init__(self, project: Path | None, as_json: bool) -> None:
        self._given, self.as_json = project, as_json
        self.out = Terminal(stderr=as_json)
        self.err = Terminal(stderr=True)

    @functools.cached_property
    def _folder(self) -> Path:
        return self._given or find_project(Path.cwd())

    @functools.cached_property
    def config(self) -> Config:
        """The configuration of the project, which is read without its definitions."""
        config = read_config(self._folder)
        private(config.state)
        return config

    @functools.cached_property
    def project(self) -> Project:
        """The project in ``--project``, this folder, or ``feature_repo`` below it."""
        project = load_project(self._folder)
        private(project.config.state)
        return project

    def log(self, job: str) -> logging.Logger:
        """The logger of a job, written as ``[logs]`` says."""
        configure(self.config.logs.format)
        return logger(job)

    def result(self, **values: Any) -> None:
        """The result for machines: one JSON object on standard output, with ``--json`` only."""
        if self.as_json:
            click.echo(json.dumps(values, default=str))

    @contextmanager
    def progress(self, text: str, total: int | None) -> Iterator[Bar]:
        """A progress bar on standard error, on a terminal."""
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.err, transient=False, disable=not self.err.is_terminal) as bar:
            task = bar.add_task(visible(text), total=total)
            yield Bar(bar, task)


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


class OutFile(click.Path):
    """A file to be written whole, in the place of one that may be there. Gives a Path."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The file's path. Raises UsageError for a folder, a pipe or a device: it would be replaced."""
        path = Path(value)
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no regular file", where="--out", allowed="a file, or a new name")
        return path


OUT_FILE = OutFile()
