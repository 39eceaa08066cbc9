"""``penstock repair``: corrected events of a range, for the keys that they touch."""

from __future__ import annotations

import click

from penstock.features.span import Span
from penstock.jobs.commands.common import TIME
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context


@click.command()
@click.argument("views", nargs=-1)
@click.option(
    "--from", "from_ms", type=TIME, required=True, help="First time of the corrected events, inclusive (ISO, UTC)."
)
@click.option("--to", "to_ms", type=TIME, required=True, help="Last time of the corrected events, exclusive.")
@click.option("--at", "at_ms", type=TIME, help="Moment of the store's rows; the last that is backfilled unless given.")
@shared
def command(context: Context, views: tuple[str, ...], from_ms: int, to_ms: int, at_ms: int | None) -> None:
    """Recompute VIEWS (all that have a time unless named) where events of history have come late, or were corrected.

    Only the keys that these events touch are computed: their change points from --from on, as long as a window can
    know the events, and their rows in the online store. A newer row of the store stays.

    Example: penstock repair origin_traffic --from 2013-10-03 --to 2013-10-04
    """
    from penstock.jobs.repair.run import repair
    from penstock.jobs.store.catalogue import apply
    from penstock.jobs.store.open import open_store

    project = context.project
    plans = [project.view(name).plan for name in views] or [plan for plan in project.plans.values() if not plan.static]
    apply(project)
    results = []
    with open_store(project.folder) as store:
        for plan in plans:
            results.append(repair(project, plan, store, Span(from_ms, to_ms), at_ms))
    for result in results:
        context.out.print(result.summary())
    context.result(**{result.view: result.to_dict() for result in results})
