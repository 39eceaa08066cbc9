"""``penstock check``: what the definitions compile to, or all that is wrong with them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table as Grid

from penstock.features.compilers.duckdb.events import Files, History, events_query
from penstock.features.compilers.duckdb.parquet import placed
from penstock.features.compilers.duckdb.types import FileColumn, sql_type, text
from penstock.features.compilers.duckdb.versions import versions_queries
from penstock.features.compilers.duckdb.view import ViewQuery
from penstock.features.compilers.flink.state_size import StateSize, state_size
from penstock.features.durations import UNITS_MS, duration_text
from penstock.features.errors import UsageError
from penstock.features.infix import infix
from penstock.features.plan import FeaturePlan, ModelPlan, SourcePlan, ViewPlan
from penstock.features.span import Span
from penstock.jobs.commands.common import command as shared
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project


@click.command()
@click.option("--sql", is_flag=True, help="Print the SQL that a backfill runs, too.")
@click.option("--events", type=click.Path(path_type=Path, dir_okay=False), help="Read these JSON lines instead.")
@click.option("--topic", help="Read the records of this topic instead.")
@click.option("--source", help="Whose records they are; the only one unless given.")
@click.option("--most", type=click.IntRange(1), default=100_000, show_default=True, help="Read so many at most.")
@shared
def command(context: Context, sql: bool, events: Path | None, topic: str | None, source: str | None, most: int) -> None:
    """Read the definitions and show what they compile to, or all that is wrong with them.

    "state" is what the stream keeps for a key: its fixed bytes, and bytes for each event that is alive, or for each
    step of its windows in which there are events.

    With --events or --topic real records are read instead: what each column becomes, how many records would be dead
    letters, and why.

    Example: penstock check --project feature_repo --sql

    Example: penstock check --topic orders --most 1000
    """
    if events is not None or topic is not None:
        if events is not None and topic is not None:
            raise UsageError("--events and --topic are two kinds of records", allowed="one of them")
        from penstock.jobs.records.check import check_records  # Kafka and DuckDB take a second

        check_records(context, events, topic, source, most)
        return
    project = context.project
    for plan in project.plans.values():
        context.out.print(_view_grid(plan))
        if sql:
            context.out.print(_sql(project, plan))
    for model in project.models.values():
        context.out.print(_model_grid(model.model_plan))
    context.result(
        views={name: _view_json(project, plan, sql) for name, plan in project.plans.items()},
        models={model.name: _model_json(model.model_plan) for model in project.models.values()},
    )


def _view_grid(plan: ViewPlan) -> Grid:
    key = ", ".join(key.name for key in plan.key)
    grid = Grid(
        "feature",
        "type",
        "aggregate",
        "argument",
        "where",
        "window",
        title=f"{plan.kind} {plan.name} by {key} ({plan.fingerprint[:12]})",
        caption=_caption(plan),
    )
    for row in (_feature(plan, feature) for feature in plan.features):
        grid.add_row(*row.values())
    return grid


def _caption(plan: ViewPlan) -> str:
    filter = f"\nonly {infix(plan.filter)}" if plan.filter is not None else ""
    state = "" if plan.static else f"\nstate: {_state(state_size(plan))}"
    return f"from {plan.source.name}{filter}{state}"


def _state(size: StateSize) -> str:
    state = f"{size.fixed} bytes per key"
    if size.alive_ms is not None:
        state += f" + {_kept(size.per_event, size.most_per_event, 'event', size.alive_ms)}"
    if size.steps is not None:
        steps = size.steps
        each = f"{duration_text(steps.step_ms)} with events"
        state += f" + {_kept(steps.per_step, steps.most_per_step, each, steps.alive_ms)}"
    return state


def _kept(least: int, most: int, each: str, alive_ms: int) -> str:
    return f"{least}{f' to {most}' if most > least else ''} per {each} of the last {duration_text(alive_ms)}"


def _argument(plan: ViewPlan, feature: FeaturePlan) -> str:
    by = f" by {infix(plan.args[feature.by].expr)}" if feature.by is not None else ""
    return infix(plan.args[feature.arg].expr) + by if feature.arg is not None else ""


def _feature(plan: ViewPlan, feature: FeaturePlan) -> dict[str, str]:
    return {
        "name": feature.name,
        "type": feature.type,
        "aggregate": str(feature.aggregate),
        "argument": _argument(plan, feature),
        "where": infix(plan.wheres[feature.where]) if feature.where is not None else "",
        "window": plan.windows[feature.window].name,
    }


def _model_grid(plan: ModelPlan) -> Grid:
    grid = Grid("vector", "type", "from", title=f"model {plan.name} on {plan.on.name} ({plan.fingerprint[:12]})")
    for item in plan.vector:
        grid.add_row(item.name, item.type, infix(item.expr))
    return grid


def _view_json(project: Project, plan: ViewPlan, sql: bool) -> dict[str, Any]:
    shown = {
        "kind": plan.kind,
        "source": plan.source.name,
        "key": [key.name for key in plan.key],
        "filter": infix(plan.filter) if plan.filter is not None else None,
        "features": [_feature(plan, feature) for feature in plan.features],
        "state": None if plan.static else asdict(state_size(plan)),
        "fingerprint": plan.fingerprint,
    }
    return {**shown, "sql": _sql(project, plan)} if sql else shown


def _model_json(plan: ModelPlan) -> dict[str, Any]:
    vector = [{"name": item.name, "type": item.type, "from": infix(item.expr)} for item in plan.vector]
    return {"on": plan.on.name, "vector": vector, "fingerprint": plan.fingerprint}


def _made_ready(query: ViewQuery) -> str:
    """What is done to the events before their rows are read."""
    versions = versions_queries(query.plan, "events") if query.plan.source.changes else []
    done = [("the last version of each event", statement) for statement in versions]
    if query.session_gap_ms is not None:
        done.append(("when each event leaves its session", query.session_ends()))
    return "".join(f"-- {query.plan.name}: {words}\n{statement};\n" for words, statement in done)


def _sql(project: Project, plan: ViewPlan) -> str:
    """What a backfill of the epoch's first day runs; other days differ by their times only."""
    # the SQL is that of files with the sources' own columns and types
    plan = plan.as_typed()
    histories = [_history(project, source) for source in plan.source.sources]
    query = ViewQuery(plan)
    end = UNITS_MS["d"]
    span = None if plan.static or query.endless else Span(-query.lookback_ms, end)
    events = events_query(plan, histories, span)
    return (
        f"-- {plan.name}: its events, for a backfill of 1970-01-01\nCREATE TABLE events AS\n{events};\n"
        f"{_made_ready(query)}"
        f"-- {plan.name}: its rows for that day\n{query.rows(0, end)};"
    )


def _history(project: Project, source: SourcePlan) -> History:
    """A history that has the source's own types."""
    history = project.streams[source.name].history
    files = str(project.config.data / history) if history is not None else "history.parquet"
    columns = {column.name: FileColumn(column.name, sql_type(column.type)) for column in source.columns}
    return [Files(placed(f"[{text(files)}]"), columns, files)]
