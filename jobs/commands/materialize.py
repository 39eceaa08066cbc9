"""``penstock materialize``: change points into the online store."""

from __future__ import annotations

from dataclasses import asdict

import click

from penstock.jobs.commands.common import TIME
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context
from penstock.jobs.store.catalogue import apply
from penstock.jobs.store.materialize import materialize
from penstock.jobs.store.open import open_store


@click.command()
@click.argument("views", nargs=-1)
@click.option("--at", "at_ms", type=TIME, required=True, help="The moment whose values are written (ISO, UTC).")
@shared
def command(context: Context, views: tuple[str, ...], at_ms: int) -> None:
    """Write the newest backfilled row of every key of VIEWS (all unless named) to the online store.

    The change points must cover the moment: a backfill --to 2013-11-01 does not hold what changes at its very end.
    Over rows of an earlier backfill these win, over newer rows of the stream they never do.

    Example: penstock materialize --at 2013-10-31T23:59:59
    """
    project = context.project
    plans = [project.view(name).plan for name in views or project.views]
    apply(project)
    results = []
    with open_store(project.folder, context.err.print) as store:
        for plan in plans:
            with context.progress(f"materialize {plan.name}", None) as progress:
                results.append(materialize(project, plan, store, at_ms, progress=progress))
    for result in results:
        context.out.print(result.summary())
    context.result(**{result.view: asdict(result) for result in results})
