"""``penstock predict``: a model's answers to the requests of its history, or ahead of time to those that may come."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.features.errors import UsageError
from penstock.features.span import Span
from penstock.jobs.commands.common import TIME, tell
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.option("--from", "from_ms", type=TIME, help="First request, inclusive (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, help="Last request, exclusive.")
@click.option("--version", help="The version that answers; the current one unless named.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder; the project's own unless given.")
@click.option("--to-store", is_flag=True, help="Answer keys ahead of time, into the online store.")
@click.option("--keys", type=click.Path(path_type=Path), help="With --to-store: a file of keys.")
@click.option("--most-requested", type=click.IntRange(min=1), help="With --to-store: so many keys of history.")
@click.option("--all", "every", is_flag=True, help="With --to-store: all keys of history.")
@shared
def command(
    context: Context,
    model: str,
    from_ms: int | None,
    to_ms: int | None,
    version: str | None,
    out: Path | None,
    to_store: bool,
    keys: Path | None,
    most_requested: int | None,
    every: bool,
) -> None:
    """Answer every request of MODEL's history, as Parquet: with the bits that the stream would have given in time.

    A run that was stopped goes on where it was. Features are those that held at each request's time.

    With --to-store the answers are those to requests that may come now: for the keys of a file, the most requested
    ones, or all. `penstock serve` gives them as long as they hold.

    Example: penstock predict arrival_delay --from 2013-11-01 --to 2013-12-01
    """
    name = str(context.project.model(model).name)
    chosen = [given for given in (keys, most_requested, every or None) if given is not None]
    if to_store:
        _reject(from_ms, to_ms, version, out)
        if len(chosen) != 1:
            raise UsageError(
                "it is not said which keys are answered",
                where="--to-store",
                allowed="--keys, --most-requested or --all",
            )
        _to_store(context, name, keys, most_requested)
        return
    if chosen:
        raise UsageError("keys are for --to-store alone", where="--keys, --most-requested, --all")
    if from_ms is None or to_ms is None:
        raise UsageError("the range is missing", where="penstock predict", allowed="--from and --to, or --to-store")
    _to_parquet(context, name, Span(from_ms, to_ms), version, out)


def _reject(*given: object) -> None:
    if any(each is not None for each in given):
        raise UsageError(
            "answers ahead are of the current version, over the store's rows of now",
            where="--to-store",
            allowed="no --from, --to, --version or --out",
        )


def _to_store(context: Context, name: str, keys: Path | None, most: int | None) -> None:
    from penstock.jobs.ahead.fill import Choice, predict_to_store  # Feast takes seconds

    with context.progress(f"answers of {name}", None) as bar:
        report = predict_to_store(context.project, name, Choice(keys, most), told=tell, progress=bar)
    context.out.print(report.summary())
    context.result(**report.to_dict())


def _to_parquet(context: Context, name: str, span: Span, version: str | None, out: Path | None) -> None:
    from penstock.jobs.prediction.batch import predict  # LightGBM takes a second

    project = context.project
    folder = out or project.config.state / "predictions" / name
    with context.progress(f"predictions of {name}", None) as bar:
        report = predict(project, name, span, folder, version=version, told=tell, progress=bar)
    context.out.print(f"{report.folder}: {report.summary()}")
    context.result(**report.to_dict())
