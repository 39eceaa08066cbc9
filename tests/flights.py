"""A few days of the real flights as a project of their own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from penstock.features.span import Span
from penstock.jobs.demo.flights import build
from penstock.jobs.demo.outcome import MODEL, backfill_all
from penstock.jobs.demo.workplace import EXAMPLE, FILES
from penstock.jobs.project.context import Context
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.store.catalogue import apply
from penstock.jobs.store.materialize import materialize
from penstock.jobs.store.open import open_store
from penstock.jobs.training.train import train
from penstock.jobs.training.training_set import training_set

SQLITE = ("penstock.jobs.store.sqlite.PenstockSqliteOnlineStore", "path: .penstock/state/online.db")


def ms(text: str) -> int:
    """A UTC time in milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@dataclass(frozen=True)
class Days:
    """History ``[start, live)``, of which the model is trained before ``evaluated``; live ``[live, end)``."""

    start: int
    evaluated: int
    live: int
    end: int


def flights_project(folder: Path, days: Days, store: tuple[str, str] = SQLITE) -> Project:
    """The shipped example on those days alone, with an online store of this type and option."""
    folder.mkdir(parents=True)
    for name in FILES:
        shutil.copy(EXAMPLE / name, folder / name)
    yaml = (folder / "feature_store.yaml").read_text()
    (folder / "feature_store.yaml").write_text(yaml.replace(SQLITE[0], store[0]).replace(SQLITE[1], store[1]))
    project = load_project(folder)
    whole = folder / "whole"
    build(whole)
    for source in ("departures", "arrivals", "weather"):
        _cut(whole / source, project.config.data / source, days)
    for table in ("planes", "airports"):
        shutil.copy(whole / f"{table}.parquet", project.config.data)
    shutil.rmtree(whole)
    project.config.state.mkdir(parents=True)
    return project


def _cut(source: Path, target: Path, days: Days) -> None:
    target.mkdir(parents=True)
    rows = pq.read_table(source)
    times = pc.divide(rows["ts"].cast("int64"), 1000)
    kept = pc.and_(pc.greater_equal(times, days.start), pc.less(times, days.end))
    pq.write_table(rows.filter(kept), target / "part.parquet")


def learn_history(project: Project, days: Days) -> None:
    """Backfills and stores what was before ``live``, and trains the model on it."""
    backfill_all(Context(None, False), project, days.start, days.live, project.backfills)
    apply(project)
    with open_store(project.folder) as online:
        for plan in project.plans.values():
            materialize(project, plan, online, days.live - 1)
    file = project.config.state / "training.parquet"
    training_set(project, MODEL, days.start, days.live, file)
    plan = project.model(MODEL).model_plan
    train(
        file, plan, project.config.state / "models", Span(days.start, days.evaluated), Span(days.evaluated, days.live)
    )
