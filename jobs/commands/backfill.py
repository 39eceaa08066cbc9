"""``penstock backfill``: change points of views over history."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.features.errors import UsageError
from penstock.jobs.batch.backfill import BackfillReport, backfill
from penstock.jobs.batch.history import unlikely_times
from penstock.jobs.commands.common import TIME
from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.times import time_words
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project


@click.command()
@click.argument("views", nargs=-1)
@click.option("--from", "from_ms", type=TIME, required=True, help="First time, inclusive (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, required=True, help="Last time, exclusive.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder; the project's own unless given.")
@shared
def command(context: Context, views: tuple[str, ...], from_ms: int, to_ms: int, out: Path | None) -> None:
    """Compute the change points of VIEWS (all unless named) over history, as Parquet.

    Example: penstock backfill origin_traffic --from 2013-01-01 --to 2013-11-01
    """
    if from_ms >= to_ms:
        raise UsageError(
            f"--from {time_words(from_ms)} is not before --to {time_words(to_ms)}",
            where="--from",
            allowed="an earlier time",
        )
    project = context.project
    reports = {
        name: backfill_view(context, project, name, from_ms, to_ms, out or project.backfills)
        for name in views or project.views
    }
    for name, report in reports.items():
        context.out.print(f"{name}: {report.summary()}")
    _doubt(context, project, reports)
    context.result(**{name: report.to_dict() for name, report in reports.items()})


def _doubt(context: Context, project: Project, reports: dict[str, BackfillReport]) -> None:
    """Says which sources have times that are hardly milliseconds, each once."""
    sources = {source.name: source for name in reports for source in project.plans[name].source.sources}
    doubts = {name: unlikely_times(project, source) for name, source in sources.items()}
    for doubt in filter(None, doubts.values()):
        context.out.print(f"warning: {doubt}")
    for name, report in reports.items():
        report.doubts = [text for source in project.plans[name].source.sources if (text := doubts[source.name])]


def backfill_view(context: Context, project: Project, name: str, from_ms: int, to_ms: int, out: Path) -> BackfillReport:
    """One view with its progress bar."""
    view = project.view(name)
    with context.progress(f"backfill {name}", None) as progress:
        return backfill(
            view.plan,
            project.histories(name),
            from_ms,
            to_ms,
            out,
            memory=project.config.batch.memory,
            progress=progress,
        )
