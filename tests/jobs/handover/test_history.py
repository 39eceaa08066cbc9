"""The files of history: only what still matters, by time, and each row as it was read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from penstock.features.errors import UsageError
from penstock.jobs.handover.history import write_history
from penstock.jobs.handover.record import Handover, read_handover, write_handover
from penstock.jobs.project.project import Project
from tests.projects import make_project

DEFINITIONS = """
from penstock import Stream, View, count, lifetime

orders = Stream("orders", topic="orders", history="orders/*.parquet", time="ts", id="id",
    columns=dict(id="string", k="string", x="float64"))
view = View("view", orders, key="k", features=dict(n=count().over({windows})))
"""
CUT = 1_700_000_000_000
MINUTE = 60_000


def some(t: int, id: str, x: float | None = 0.1) -> dict[str, Any]:
    return {"ts": t, "id": id, "k": "a", "x": x}


def project_with(folder: Path, windows: str, *files: list[dict[str, Any]]) -> Project:
    project = make_project(folder, DEFINITIONS.format(windows=windows))
    (project.config.data / "orders").mkdir(parents=True)
    schema = pa.schema({"ts": pa.int64(), "id": pa.string(), "k": pa.string(), "x": pa.float64()})
    for number, rows in enumerate(files):
        pq.write_table(pa.Table.from_pylist(rows, schema), project.config.data / "orders" / f"{number}.parquet")
    return project


def written(handover: Handover) -> list[list[dict[str, Any]]]:
    files = [Path(file).read_bytes() for file in handover.sources["orders"].files]
    texts = [zstandard.ZstdDecompressor().stream_reader(file).readall() for file in files]
    return [[json.loads(line) for line in text.splitlines()] for text in texts]


def write(project: Project, lanes: int = 1) -> Handover:
    return write_history(project, project.folder, CUT, lanes, lambda words: None)


def test_rows_of_all_files_come_by_time_and_those_before_the_longest_window_do_not(tmp_path: Path) -> None:
    old, edge = some(CUT - 5 * MINUTE - 1, "old"), some(CUT - 5 * MINUTE, "edge")
    first, second, late = some(CUT - 2, "1"), some(CUT - 1, "2", None), some(CUT, "at the cut-over")
    project = project_with(tmp_path, '"1m", "5m"', [second, old], [late, first, edge])
    handover = write(project)
    assert written(handover) == [[edge, first, second]]
    history = handover.sources["orders"]
    assert (history.rows, history.first, history.last) == (3, edge["ts"], second["ts"])
    assert (history.silence, history.bad) == (5 * MINUTE - 2, 0)


def test_a_lifetime_needs_all_of_it_and_bad_rows_are_counted(tmp_path: Path) -> None:
    rows = [some(0, "first"), {**some(1, "bad"), "ts": None}, some(CUT - 1, "last")]
    handover = write(project_with(tmp_path, '"1m", lifetime()', rows))
    assert written(handover) == [[rows[0], rows[2]]]
    assert handover.sources["orders"].bad == 1


def test_versions_of_an_event_stand_in_one_file(tmp_path: Path) -> None:
    rows = [some(CUT - n // 3 - 1, f"{n // 3}", float(n)) for n in range(90)]
    files = written(write(project_with(tmp_path, '"1m"', rows), lanes=3))
    assert sum(map(len, files)) == 90
    assert all(len(each) > 3 and each == sorted(each, key=lambda row: row["ts"]) for each in files)
    assert len({(lane, row["id"]) for lane, each in enumerate(files) for row in each}) == 30


def test_what_is_noted_down_is_read_again(tmp_path: Path) -> None:
    handover = write(project_with(tmp_path, '"1m"', [some(CUT - 1, "1")]))
    assert read_handover(tmp_path) is None
    write_handover(tmp_path, handover)
    assert read_handover(tmp_path) == handover


def test_without_any_history_a_cut_over_is_refused(tmp_path: Path) -> None:
    definitions = DEFINITIONS.format(windows='"1m"').replace('history="orders/*.parquet", ', "")
    project = make_project(tmp_path, definitions)
    with pytest.raises(UsageError, match="no streamed source has a history"):
        write(project)
