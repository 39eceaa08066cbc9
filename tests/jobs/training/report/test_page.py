"""The report of a training: its numbers, and the page in a real browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from penstock import Objective
from penstock.features.errors import UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.cli import penstock
from penstock.jobs.models.folder import load_current
from penstock.jobs.project.project import Project, load_project
from penstock.jobs.training.report.columns import slice_columns
from penstock.jobs.training.report.evaluation import Evaluation, evaluation
from penstock.jobs.training.report.page import page, write_page
from penstock.jobs.training.train import TrainReport, train
from tests.browser import HOSTILE, drawn, shown
from tests.jobs.models.examples import CUT, END, plan, rows, write_set

SPANS = Span(0, CUT), Span(CUT, END)


def hostile_rows(learned: Any) -> dict[str, Any]:
    """The rows with hostile texts for kinds, and other labels."""
    columns = rows()
    kinds = {"a": HOSTILE[1], "b": HOSTILE[4], "c": HOSTILE[6], None: HOSTILE[2]}
    columns["kind"] = [kinds[kind] for kind in columns["kind"]]
    columns["label"] = [None if y is None else learned(y) for y in columns["label"]]
    return columns


def look(
    folder: Path, of: ModelPlan, columns: dict[str, Any], slices: tuple[str, ...], folds: int = 0
) -> tuple[TrainReport, Evaluation, str]:
    """A training, what is seen of it, and the page."""
    file = write_set(folder / "set.parquet", of, columns)
    report = train(file, of, folder / "models", *SPANS, folds=folds, parameters={"num_iterations": 20})
    columns_of = slice_columns(project(folder), of, file, slices, SPANS[1])
    found = evaluation(file, of, folder / "models", SPANS, report, columns_of)
    metadata = load_current(folder / "models", of).metadata
    write_page(report, metadata, found, folder / "page.html")
    return report, found, page(report, metadata, found)


def test_a_browser_draws_the_page_and_hostile_texts_run_nothing(tmp_path: Path) -> None:
    of = plan("bool", training={"objective": "binary"})
    report, found, text = look(tmp_path, of, hostile_rows(lambda y: y > 3), ("kind", "x", "t", "gift"), folds=3)
    assert not re.search(r"<(script|link|img|iframe)[^>]*\b(src|href)=(?!\"data:)", text.split("</head>")[1])
    document = shown(tmp_path / "page.html")
    assert re.search(r"<html[^>]*data-owned", document) is None
    for plot in ("calibration", "over-folds", "slice-0", "slice-3", "importance", "swarm"):
        assert "main-svg" in drawn(document, plot), plot
    assert "&lt;img src=x onerror=" in document and "{{ 7 * 7 }}" in document
    assert f'<b id="main">{report.metrics["log_loss"]:.6g}</b>' in document
    assert drawn(document, "slice-0").count('class="point"') == 2 * len(found.slices["kind"])


def test_parts_of_a_slice_are_all_rows_and_have_their_own_metrics(tmp_path: Path) -> None:
    report, found, _ = look(tmp_path, plan(), rows(), ("kind", "label"))
    kinds = {part.value: part for part in found.slices["kind"]}
    assert list(kinds) == ["a", "b", "c", "null"]
    for parts in found.slices.values():
        assert sum(part.rows for part in parts) == report.evaluated_rows
        for name in ("metrics", "baseline"):
            sums = [part.rows * getattr(part, name)["mae"] for part in parts]
            assert sum(sums) / report.evaluated_rows == pytest.approx(getattr(report, name)["mae"])


def test_the_importance_of_what_the_label_follows(tmp_path: Path) -> None:
    _, found, _ = look(tmp_path, plan(), rows(), ())
    first, second, *others = found.importance
    assert (first.name, second.name) == ("x", "kind")
    assert first.shap > second.shap > 10 * max(each.shap for each in others)
    assert sum(each.gain for each in found.importance) == pytest.approx(1)
    ranks = np.array([rank for _, rank in first.points])
    assert np.isnan(ranks).any() and np.nanmin(ranks) >= 0 and np.nanmax(ranks) <= 1


@pytest.mark.parametrize("objective", ["multiclass", Objective.quantiles(0.1, 0.9)])
def test_an_answer_of_several_numbers_has_no_swarm(tmp_path: Path, objective: Any) -> None:
    label = "float64" if isinstance(objective, Objective) else "int64"
    of = plan(label, training={"objective": objective})
    columns = rows()
    if label == "int64":
        columns["label"] = [None if y is None else int(y > 0) for y in columns["label"]]
    report, found, text = look(tmp_path, of, columns, ("kind",))
    assert 'id="swarm"' not in text and 'id="importance"' in text
    assert found.slices["kind"][0].metrics[report.main] > 0


def project(folder: Path) -> Project:
    """A project whose model is that of ``plan()``."""
    (folder / "penstock.toml").write_text('project = "shop"\ndata = "."\n')
    (folder / "definitions.py").write_text(DEFINITIONS)
    return load_project(folder)


DEFINITIONS = """
from penstock import Model, Stream
orders = Stream("orders", topic="orders", history="orders/*.parquet", time="ts", id="id", columns=dict(
    id="string", x="float64", n="int64", kind="string", gift="bool", placed="timestamp", y="float64"))
cost = Model("cost", on=orders, inputs=[orders.x, orders.n, orders.kind, orders.gift, orders.placed],
    label=orders.y, output="predictions.cost")
"""


def test_a_slice_by_what_is_no_column_is_refused_before_the_training(tmp_path: Path) -> None:
    file = write_set(tmp_path / "set.parquet", plan(), rows())
    with pytest.raises(UsageError, match="there is no column 'kid'") as raised:
        slice_columns(project(tmp_path), plan(), file, ["x", "kid"], SPANS[1])
    assert raised.value.hint == "did you mean 'kind'?"
    assert slice_columns(project(tmp_path), plan(), tmp_path / "none.parquet", ["x"], SPANS[1]) == {}


def test_rows_are_sliced_by_what_only_their_requests_say(tmp_path: Path) -> None:
    made, given = project(tmp_path), rows()
    made.config.state.mkdir()
    file = write_set(tmp_path / "set.parquet", plan(), given)
    history = {name: given[name] for name in ("id", "x", "n", "kind", "gift")}
    history |= {"placed": [None] * END, "ts": given["t"], "y": [float(i % 3) for i in range(END)]}
    (tmp_path / "orders").mkdir()
    pq.write_table(pa.table(history), tmp_path / "orders" / "1.parquet")
    (found,) = slice_columns(made, plan(), file, ["y"], SPANS[1]).values()
    labelled = [i for i in range(CUT, END) if given["label"][i] is not None]
    assert found.values.to_pylist() == [float(i % 3) for i in labelled]
    pq.write_table(pa.table(history).slice(0, END - 1), tmp_path / "orders" / "1.parquet")
    with pytest.raises(UsageError, match=r"the history of orders has no longer 1 requests of the training set"):
        slice_columns(made, plan(), file, ["y"], SPANS[1])


def test_the_command_prints_slices_and_writes_the_page(tmp_path: Path) -> None:
    project(tmp_path)
    file = write_set(tmp_path / "set.parquet", plan(), rows())
    times = ["--from", "1970-01-01", "--to", "1970-01-01T00:00:06", "--until", "1970-01-01T00:00:08"]
    arguments = ["train", "cost", *times, "--data", str(file), "--project", str(tmp_path), "--slice", "kind"]
    done = CliRunner().invoke(penstock, [*arguments, "--report", str(tmp_path / "page.html"), "--json"])
    assert done.exit_code == 0, done.output
    assert [part["value"] for part in json.loads(done.stdout)["slices"]["kind"]] == ["a", "b", "c", "null"]
    assert "kind a: " in done.stderr and "rows, mae " in done.stderr
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
