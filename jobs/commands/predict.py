"""``penstock predict``: a model's answers to many requests, as Parquet, or ahead of time to those that may come."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.features.errors import UsageError
from penstock.features.span import Span
from penstock.jobs.commands.common import TIME, tell
from penstock.jobs.commands.common import command as shared
from penstock.jobs.prediction.asked import Asked, EveryKey, InFile, InHistory
from penstock.jobs.project.context import Context


@click.command()
@click.argument("model")
@click.option("--from", "from_ms", type=TIME, help="First request of the history, inclusive (ISO, UTC).")
@click.option("--to", "to_ms", type=TIME, help="Last request of the history, exclusive.")
@click.option(
    "--requests",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the requests' columns, keys and time among them: Parquet, JSON lines or CSV.",
)
@click.option("--all", "every", is_flag=True, help="All keys of history; as Parquet, each key's newest request again.")
@click.option("--at", "at_ms", type=TIME, help="The time of --all; as late as all change points reach unless given.")
@click.option("--version", help="The version that answers; the current one unless named.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder; the project's own unless given.")
@click.option("--to-store", is_flag=True, help="Answer keys ahead of time, into the online store.")
@click.option("--keys", type=click.Path(path_type=Path), help="With --to-store: a file of keys.")
@click.option("--most-requested", type=click.IntRange(min=1), help="With --to-store: so many keys of history.")
@shared
def command(
    context: Context,
    model: str,
    from_ms: int | None,
    to_ms: int | None,
    requests: Path | None,
    every: bool,
    at_ms: int | None,
    version: str | None,
    out: Path | None,
    to_store: bool,
    keys: Path | None,
    most_requested: int | None,
) -> None:
    """Answer MODEL's requests as Parquet, with the bits that the stream would have given in time.

    Of its history (--from, --to), of a file (--requests), or of every key at one time (--all). Features are those that
    held at each request's time. A run that was stopped goes on where it was.

    With --to-store the answers are those to requests that may come now: for the keys of a file, the most requested
    ones, or all. `penstock serve` gives them as long as they hold.

    Example: penstock predict arrival_delay --from 2013-11-01 --to 2013-12-01
    """
    name = str(context.project.model(model).name)
    if to_store:
        _reject(from_ms, to_ms, requests, at_ms, version, out)
        if [keys is not None, most_requested is not None, every].count(True) != 1:
            raise UsageError(
                "it is not said which keys are answered",
                where="--to-store",
                allowed="--keys, --most-requested or --all",
            )
        _to_store(context, name, keys, most_requested)
        return
    if keys is not None or most_requested is not None:
        raise UsageError("keys are for --to-store alone", where="--keys, --most-requested", allowed="--requests FILE")
    _to_parquet(context, name, _asked(from_ms, to_ms, requests, every, at_ms), version, out)


def _asked(from_ms: int | None, to_ms: int | None, requests: Path | None, every: bool, at_ms: int | None) -> Asked:
    if at_ms is not None and not every:
        raise UsageError("--at is the time of --all", where="--at", allowed="--all --at TIME")
    chosen: list[Asked] = []
    if from_ms is not None and to_ms is not None:
        chosen.append(InHistory(Span(from_ms, to_ms)))
    if requests is not None:
        chosen.append(InFile(requests))
    if every:
        chosen.append(EveryKey(at_ms))
    if len(chosen) != 1 or (from_ms is None) != (to_ms is None):
        raise UsageError(
            "it is not said which requests are answered",
            where="penstock predict",
            allowed="--from and --to, or --requests, or --all; or --to-store",
        )
    return chosen[0]


def _reject(*given: object) -> None:
    if any(each is not None for each in given):
        raise UsageError(
            "answers ahead are of the current version, over the store's rows of now",
            where="--to-store",
            allowed="no --from, --to, --requests, --at, --version or --out",
        )


def _to_store(context: Context, name: str, keys: Path | None, most: int | None) -> None:
    from penstock.jobs.ahead.fill import Choice, predict_to_store  # Feast takes seconds

    with context.progress(f"answers of {name}", None) as bar:
        report = predict_to_store(context.project, name, Choice(keys, most), told=tell, progress=bar)
    context.out.print(report.summary())
    context.result(**report.to_dict())


def _to_parquet(context: Context, name: str, asked: Asked, version: str | None, out: Path | None) -> None:
    from penstock.jobs.prediction.batch import predict  # LightGBM takes a second

    project = context.project
    folder = out or project.config.state / "predictions" / name
    with context.progress(f"predictions of {name}", None) as bar:
        report = predict(project, name, asked, folder, version=version, told=tell, progress=bar)
    context.out.print(f"{report.folder}: {report.summary()}")
    context.result(**report.to_dict())
