"""``penstock model promote``: another version answers."""

from __future__ import annotations

import click

from penstock.features.errors import UsageError
from penstock.jobs.commands.common import check_part, part_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.models.lines import line_of
from penstock.jobs.models.pointer import ALIASES, CANARY, CURRENT, Alias, Pointer
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.argument("version")
@click.option("--alias", type=click.Choice(ALIASES), default=CURRENT, show_default=True, help="Who it becomes.")
@click.option("--share", type=click.FloatRange(0, 100, min_open=True), help="Of a canary: percent of the keys; 10.")
@click.option("--by", metavar="INPUT", help="Of a canary: the input whose key is hashed; the model's first.")
@part_option
@shared
def command(
    context: Context, model: str, version: str, alias: Alias, share: float | None, by: str | None, part: str | None
) -> None:
    """Make VERSION of MODEL the current one, the shadow or the canary, once it is known to be whole and of this
    definition.

    The canary answers a share of the keys in place of the current version; the shadow answers all on a topic of its
    own. A running 'penstock infer' takes the version up between two transactions.

    Example: penstock model promote delivery 20260301T120000Z-0123456789ab --alias canary --share 5
    """
    from penstock.jobs.models.versions import promote  # LightGBM takes a second

    if alias != CANARY and (share, by) != (None, None):
        raise UsageError("--share and --by are of a canary", where="--alias", allowed=CANARY)
    plan = context.project.model(model).model_plan
    check_part(plan, part)
    pointer = Pointer(version, 10.0 if share is None else share, by) if alias == CANARY else Pointer(version)
    former = promote(context.project.config.models_at, plan, pointer, alias, part)
    context.out.print(f"{line_of(plan.name, part)}: {version} is {alias}, before it {former or 'none'}")
    context.result(model=plan.name, part=part, version=version, alias=alias, former=former)
