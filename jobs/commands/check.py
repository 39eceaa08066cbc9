"""``penstock check``: what the definitions compile to."""

from __future__ import annotations

import click
from rich.table import Table as Grid

from features.plan import ModelPlan, ViewPlan
from jobs.commands.common import Context
from jobs.commands.common import command as shared


@click.command()
@shared
def command(context: Context) -> None:
    """Read the definitions and show what they compile to.

    Example: penstock check --project feature_repo
    """
    project = context.project
    for plan in project.plans.values():
        context.out.print(_view_grid(plan))
    for model in project.models.values():
        context.out.print(_model_grid(model.model_plan))
    context.result(
        views={plan.name: plan.fingerprint for plan in project.plans.values()},
        models={model.name: model.model_plan.fingerprint for model in project.models.values()},
    )


def _view_grid(plan: ViewPlan) -> Grid:
    key = ", ".join(key.name for key in plan.key)
    grid = Grid(
        "feature", "type", "aggregate", "window", title=f"{plan.kind} {plan.name} by {key} ({plan.fingerprint[:12]})"
    )
    for feature in plan.features:
        grid.add_row(feature.name, feature.type, feature.aggregate, plan.windows[feature.window].name)
    return grid


def _model_grid(plan: ModelPlan) -> Grid:
    grid = Grid("vector", "type", title=f"model {plan.name} on {plan.on.name} ({plan.fingerprint[:12]})")
    for item in plan.vector:
        grid.add_row(item.name, item.type)
    return grid
