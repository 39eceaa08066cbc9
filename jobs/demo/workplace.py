"""The demo's own project folder: the shipped example, the flights, and a fresh state."""

from __future__ import annotations

import shutil
from pathlib import Path

from penstock.features.errors import PenstockError
from penstock.jobs.demo.flights import build
from penstock.jobs.demo.timeline import Timeline
from penstock.jobs.kafka.broker import Broker
from penstock.jobs.process.private import private
from penstock.jobs.project.project import Project, load_project

EXAMPLE = Path(__file__).parents[2] / "example"
FILES = ("penstock.toml", "definitions.py", "feature_store.yaml", "feast_repo.py")


def prepare(folder: Path, span: Timeline) -> Project:
    """Copies the example, builds the flights once, lays out the span's months, and empties the state."""
    missing = [name for name in FILES if not (EXAMPLE / name).is_file()]
    if missing:
        raise PenstockError(f"the example lacks {', '.join(missing)}", where=str(EXAMPLE))
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(EXAMPLE / name, folder / name)
    project = load_project(folder)
    whole = folder / "flights"
    build(whole)
    Broker(project.config.state).stop()  # of a demo that was killed
    shutil.rmtree(project.config.state, ignore_errors=True)
    private(project.config.state)
    _lay_out(whole, project.config.data, span)
    return project


def _lay_out(whole: Path, data: Path, span: Timeline) -> None:
    """Only the span's months: history must be what the topics will carry."""
    shutil.rmtree(data, ignore_errors=True)
    for source in ("departures", "arrivals", "weather"):
        (data / source).mkdir(parents=True)
        for month in span.months:
            shutil.copy(whole / source / f"part-{month}.parquet", data / source)
    for table in ("planes", "airports"):
        shutil.copy(whole / f"{table}.parquet", data)
