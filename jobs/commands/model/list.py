"""``penstock model list``: the versions of a model."""

from __future__ import annotations

import click

from penstock.jobs.commands.common import check_part, part_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.grid import Grid
from penstock.jobs.console.visible import one_line
from penstock.jobs.models.lines import line_of, parts_of
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@part_option
@shared
def command(context: Context, model: str, part: str | None) -> None:
    """Show the versions of MODEL, the oldest first, and which are current, shadow and canary.

    Example: penstock model list delivery
    """
    from penstock.jobs.models.folder import Metadata
    from penstock.jobs.models.versions import Version, versions  # LightGBM takes a second

    plan = context.project.model(model).model_plan

    def measured(known: Metadata) -> dict[str, float]:
        """On the evaluated range, without the naive answers."""
        return {name: value for name, value in known.metrics.items() if not name.startswith(("baseline_", "trained_"))}

    def state(version: Version) -> str:
        if version.metadata is None:
            return version.problem or ""
        return "" if version.metadata.fingerprint == plan.fingerprint else "of another definition"

    check_part(plan, part)
    models, line = context.project.config.models_at, line_of(plan.name, part)
    grid = Grid(f"versions of {line}", ("version", "", "rows trained on", "metrics", "problem"))
    found = versions(models, line)
    for each in found:
        known = each.metadata
        metrics = "" if known is None else ", ".join(f"{name} {value:.6g}" for name, value in measured(known).items())
        cells = (each.name, ", ".join(each.aliases), f"{known.trained.rows:,}" if known else "", metrics)
        grid.rows.append((*cells, state(each)))
    context.out.print(grid.fitted(context.out))
    parts = [] if plan.by is None or part is not None else parts_of(models, plan.name)
    if parts:
        words = f"{len(parts):,} values of {plan.by} have versions of their own: {', '.join(parts)}"
        context.out.print(one_line(words), markup=False)
    context.result(
        model=plan.name,
        part=part,
        parts=parts,
        versions=[
            {"version": each.name, "current": each.current, "aliases": list(each.aliases),
             "problem": state(each) or None, "metrics": each.metadata.metrics if each.metadata else None}
            for each in found
        ],
    )  # fmt: skip
