"""Answers to a model's history: the bits of its vectors, once each, written in parts that a later run goes on with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from penstock.features.errors import RefusedError, UsageError
from penstock.features.span import Span
from penstock.jobs.models.folder import load_current
from penstock.jobs.parquet.checksums import check_files
from penstock.jobs.prediction import asked
from penstock.jobs.prediction.asked import EveryKey, InFile, InHistory
from penstock.jobs.prediction.batch import predict
from penstock.jobs.project.project import Project
from penstock.jobs.training.training_set import training_set
from tests.jobs.serving.running import train_model
from tests.jobs.shop import make_project
from tests.jobs.training.test_training_set import END, START, history, prepare

ALL = InHistory(Span(START, END))


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    project = make_project(tmp_path / "shop")
    prepare(project, history(1))
    project.config.state.mkdir(exist_ok=True)
    train_model(project.config.state, project.model("cost").model_plan)
    return project


def rows(project: Project, out: Path) -> dict[str, list[Any]]:
    files = check_files(sorted(out.rglob("part-*.parquet")))
    columns = [pq.read_table(file).to_pydict() for file in files]
    return {name: [value for each in columns for value in each[name]] for name in columns[0]}


def test_each_request_has_the_answer_to_its_vector_to_the_bit(shop: Project, tmp_path: Path) -> None:
    report = predict(shop, "cost", ALL, tmp_path / "out")
    found = rows(shop, tmp_path / "out")
    training_set(shop, "cost", START, END, tmp_path / "set.parquet")
    table = pq.read_table(tmp_path / "set.parquet")
    model = load_current(shop.config.state / "models", shop.model("cost").model_plan)
    assert (found["id"], found["t"]) == (table["id"].to_pylist(), table["t"].to_pylist())
    assert np.array(found["value"]).tobytes() == model.predict_table(table).tobytes()
    assert set(found["version"]) == {model.version} and set(found["fingerprint"]) == {model.fingerprint}
    assert report.rows == len(table) > 0 and report.reused == 0


def test_a_later_run_goes_on_and_other_history_is_answered_anew(
    shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked, "PART", 1)
    monkeypatch.setattr(asked, "_DAY_MS", max(1, (END - START) // 4))
    whole = predict(shop, "cost", ALL, tmp_path / "out")
    first = rows(shop, tmp_path / "out")
    assert whole.parts > 2
    parts = sorted((tmp_path / "out").rglob("part-*.parquet"))
    parts[0].unlink()
    parts[1].write_bytes(parts[1].read_bytes()[:-20])
    again = predict(shop, "cost", ALL, tmp_path / "out")
    assert (again.parts, again.reused, again.rows) == (whole.parts, whole.parts - 2, whole.rows)
    assert rows(shop, tmp_path / "out") == first
    # other parts of a range take the place of those that they cut through
    half = predict(shop, "cost", InHistory(Span(START, END - 1)), tmp_path / "out")
    assert half.parts == len(list((tmp_path / "out").rglob("part-*.parquet")))
    file = next(shop.config.data.rglob("orders/*.parquet"))
    os.utime(file, ns=(1, 1))
    assert predict(shop, "cost", InHistory(Span(START, END - 1)), tmp_path / "out").reused == 0


def test_what_cannot_be_answered_is_told(shop: Project, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is empty"):
        predict(shop, "cost", InHistory(Span(END, START)), tmp_path / "out")
    with pytest.raises(UsageError, match="has no version"):
        predict(shop, "cost", ALL, tmp_path / "out", version="none")
    with pytest.raises(UsageError, match="change points"):
        predict(shop, "cost", InHistory(Span(START, END + 10**9)), tmp_path / "out")
    definitions = (shop.folder / "definitions.py").read_text()
    other = make_project(shop.folder, definitions.replace("orders.items * 2,", "orders.items * 3,"))
    with pytest.raises(RefusedError, match="another definition"):
        predict(other, "cost", ALL, tmp_path / "out")


def test_each_row_of_a_file_has_the_answer_of_its_time(shop: Project, tmp_path: Path) -> None:
    predict(shop, "cost", ALL, tmp_path / "out")
    exact = rows(shop, tmp_path / "out")
    orders = pa.concat_tables(pq.read_table(file) for file in sorted(shop.config.data.rglob("orders/*.parquet")))
    known = dict(zip(zip(exact["id"], exact["t"], strict=True), exact["value"], strict=True))
    asked_for = orders.filter(pc.is_in(orders["order"], pa.array(exact["id"]))).drop_columns(["order"])
    ids = orders.filter(pc.is_in(orders["order"], pa.array(exact["id"])))["order"].to_pylist()
    file = tmp_path / "asked.parquet"
    pq.write_table(asked_for, file)
    report = predict(shop, "cost", InFile(file), tmp_path / "of_file")
    answers = rows(shop, tmp_path / "of_file")
    assert report.rows == len(answers["row"]) and report.rows + report.dead == len(ids)
    assert answers["value"] == [known[ids[row], t] for row, t in zip(answers["row"], answers["t"], strict=True)]
    assert answers["customer"] == [asked_for["customer"][row].as_py() for row in answers["row"]]
    assert predict(shop, "cost", InFile(file), tmp_path / "of_file").reused == report.parts
    pq.write_table(asked_for.drop_columns(["customer"]), file)
    with pytest.raises(UsageError, match="lack the column 'customer'"):
        predict(shop, "cost", InFile(file), tmp_path / "of_file")
    with pytest.raises(UsageError, match="no such file"):
        predict(shop, "cost", InFile(tmp_path / "none.parquet"), tmp_path / "of_file")


def test_every_key_is_asked_again_at_one_time(shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "PART", 3)
    report = predict(shop, "cost", EveryKey(None), tmp_path / "keys")
    answers = rows(shop, tmp_path / "keys")
    assert report.parts > 1 and set(answers["t"]) == {END - 1}
    keys = list(zip(answers["customer"], answers["shop"], answers["city"], strict=True))
    assert len(set(keys)) == len(keys) == report.rows
    table = pa.table(
        {name: answers[name] for name in ("customer", "shop", "city", "amount", "items", "gift", "placed")}
    )
    file = tmp_path / "keys.parquet"
    pq.write_table(table.append_column("ts", pa.array(answers["t"], pa.timestamp("ms"))), file)
    predict(shop, "cost", InFile(file), tmp_path / "of_file")
    again = rows(shop, tmp_path / "of_file")
    assert [answers["value"][row] for row in again["row"]] == again["value"]
    assert predict(shop, "cost", EveryKey(None), tmp_path / "keys").reused == report.parts
    earlier = predict(shop, "cost", EveryKey(START + 1), tmp_path / "keys")
    assert earlier.parts == len(list((tmp_path / "keys").rglob("part-*.parquet")))
