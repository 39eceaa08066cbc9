"""``penstock materialize``: change points into the online store."""

from __future__ import annotations

import click

from jobs.catalogue import apply
from jobs.commands.common import TIME, Context
from jobs.commands.common import command as shared
from jobs.materialize import materialize
from jobs.store.open import open_store
from jobs.times import time_words


@click.command()
@click.argument("views", nargs=-1)
@click.option("--at", "at_ms", type=TIME, required=True, help="The moment whose values are written (ISO, UTC).")
@shared
def command(context: Context, views: tuple[str, ...], at_ms: int) -> None:
    """Write the newest backfilled row of every key of VIEWS (all unless named) to the online store.

    Example: penstock materialize --at 2013-11-01
    """
    project = context.project
    plans = [project.view(name).plan for name in views or project.views]
    apply(project)
    results = []
    with open_store(project.folder) as store:
        for plan in plans:
            with context.progress(f"materialize {plan.name}", None) as progress:
                results.append(materialize(plan, project.change_points(plan.name), store, at_ms, progress=progress))
    for result in results:
        context.out.print(f"{result.view}: {result.rows} keys at {time_words(at_ms)}, {result.applied} written")
    context.result(**{result.view: {"rows": result.rows, "applied": result.applied} for result in results})
