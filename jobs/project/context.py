"""What a command works with: the project, its configuration, output for people and for machines, progress."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
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

from penstock.jobs.console.logs import configure, logger
from penstock.jobs.console.terminal import Terminal
from penstock.jobs.console.visible import visible
from penstock.jobs.process.private import private
from penstock.jobs.project.config import Config, read_config
from penstock.jobs.project.project import Project, find_project, load_project


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
