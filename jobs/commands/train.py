"""``penstock train``: a new version of a model."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from penstock.features.errors import UsageError
from penstock.features.span import Span
from penstock.jobs.commands.common import OUT_FILE, TIME, check_part, part_option
from penstock.jobs.commands.common import command as shared
from penstock.jobs.console.times import range_words
from penstock.jobs.console.visible import one_line
from penstock.jobs.models.folder import load_version
from penstock.jobs.project.context import Context
from penstock.jobs.training.parameters import Value
from penstock.jobs.training.report.columns import slice_columns
from penstock.jobs.training.report.evaluation import Evaluation, evaluation
from penstock.jobs.training.train import LEAST, TrainReport, train, train_parts


class Parameter(click.ParamType[tuple[str, Value]]):
    """``NAME=VALUE``. Gives the name, and the value as a whole number, a number, a bool or text."""

    name = "parameter"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Value]:
        """Raises UsageError."""
        name, equals, text = str(value).partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{value!r} is no parameter", where="--param", allowed="NAME=VALUE")
        return name.strip(), _value(text.strip())


def _value(text: str) -> Value:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


PARAMETER = Parameter()


@click.command()
@click.argument("model")
@click.option("--from", "from_ms", type=TIME, required=True, help="First request to train on, inclusive (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, required=True, help="End of training and start of evaluation.")
@click.option("--until", "until_ms", type=TIME, required=True, help="End of evaluation, exclusive.")
@click.option(
    "--data", type=click.Path(path_type=Path, dir_okay=False), help="Training set; the project's own unless given."
)
@click.option("--param", "parameters", type=PARAMETER, multiple=True, help="A parameter of LightGBM, NAME=VALUE.")
@click.option(
    "--folds",
    type=click.IntRange(0, 50),
    default=0,
    show_default=True,
    help="Models of the first parts of the range to train on, by time, each evaluated on the part that follows.",
)
@click.option("--report", "page", type=OUT_FILE, help="A report page with plots, as one HTML file.")
@click.option(
    "--slice", "slices", multiple=True, help="Metrics by parts of a column of the training set or the requests."
)
@part_option
@click.option(
    "--least",
    type=click.IntRange(1),
    default=LEAST,
    show_default=True,
    help="Of a model with by=: rows to train on that a value needs for a version of its own.",
)
@shared
def command(
    context: Context,
    model: str,
    from_ms: int,
    to_ms: int,
    until_ms: int,
    data: Path | None,
    parameters: tuple[tuple[str, Value], ...],
    folds: int,
    page: Path | None,
    slices: tuple[str, ...],
    part: str | None,
    least: int,
) -> None:
    """Train a version of MODEL on its training set, evaluate it, and make it the current one.

    Of a model with by= a version for the rest, and one for each value with rows enough; with --part one for that value.

    Example: penstock train arrival_delay --from 2013-01-01 --to 2013-10-01 --until 2013-11-01 --param num_leaves=31
    """
    project = context.project
    plan = project.model(model).model_plan
    file = data or project.config.state / "training" / f"{plan.name}.parquet"
    models, threads = project.config.models_at, project.config.training.threads
    spans = Span(from_ms, to_ms), Span(to_ms, until_ms)
    columns = slice_columns(project, plan, file, slices, spans[1])
    check_part(plan, part)
    values = dict(parameters)
    if plan.by is None or part is not None:
        if part is not None and (page is not None or slices):
            raise UsageError("a report is of all rows", where="--part", allowed="without --report and --slice")
        left: dict[str, str] = {}
        reports = [train(file, plan, models, *spans, threads=threads, parameters=values, folds=folds, part=part)]
    else:
        if folds:
            raise UsageError("--folds are of one version", where="--folds", allowed="a value with --part")
        reports, left = train_parts(file, plan, models, *spans, threads=threads, parameters=values, least=least)
    report = reports[0]
    for each in reports:
        context.out.print(each.summary(), markup=False)
    for text, why in left.items():
        context.out.print(one_line(f"{plan.by} {text!r} is left to the rest: {why}"), markup=False)
    for name, value in report.metrics.items():
        context.out.print(f"  {name} {value:.6g}, the best constant {report.baseline.get(name, float('nan')):.6g}")
    for fold in report.folds:
        context.out.print(f"  {range_words(fold.evaluated)}: {report.main} {fold.metrics[report.main]:.6g}")
    found = evaluation(file, plan, models, spans, report, columns) if page is not None or slices else None
    if found is not None:
        _print_slices(context, report, found)
    if found is not None and page is not None:
        from penstock.jobs.training.report.page import write_page  # plotly takes a second

        write_page(report, load_version(models, plan.name, report.version, plan.fingerprint).metadata, found, page)
        context.out.print(f"  {page}")
    parts = {} if found is None else {name: [asdict(part) for part in each] for name, each in found.slices.items()}
    of_parts = [each.to_dict() for each in reports[1:]]
    more = {} if plan.by is None else {"parts": of_parts, "left": left}
    context.result(**report.to_dict(), slices=parts, **more)


def _print_slices(context: Context, report: TrainReport, found: Evaluation) -> None:
    for name, parts in found.slices.items():
        for part in parts:
            value, constant = part.metrics[report.main], part.baseline[report.main]
            line = (
                f"{name} {part.value}: {part.rows:,} rows, {report.main} {value:.6g}, the best constant {constant:.6g}"
            )
            context.out.print(f"  {one_line(line)}")
