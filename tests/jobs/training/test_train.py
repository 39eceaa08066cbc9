"""Training on small sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from penstock.features.errors import PenstockError, RefusedError, UsageError
from penstock.features.span import Span
from penstock.jobs.batch.parts import BEFORE
from penstock.jobs.models.folder import load_current, versions_before
from penstock.jobs.parquet.checksums import PLACEHOLDER, add_checksum
from penstock.jobs.training.train import train
from tests.jobs.models.examples import COLUMNS, CUT, END, plan, rows, write_set

TRAINED, EVALUATED = Span(0, CUT), Span(CUT, END)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set.parquet", plan(), rows())


def test_the_model_learns_and_is_compared_to_the_median(file: Path, tmp_path: Path) -> None:
    report = train(file, plan(), tmp_path / "models", TRAINED, EVALUATED)
    assert report.metrics["mae"] < report.baseline["mae"] / 2
    labels = rows()["label"]
    learned = [y for y in labels[:CUT] if y is not None]
    tested = np.array([y for y in labels[CUT:] if y is not None])
    assert (report.trained_rows, report.evaluated_rows) == (len(learned), len(tested))
    assert report.baseline["mae"] == pytest.approx(np.abs(tested - np.median(learned)).mean())
    assert report.version in report.summary() and report.to_dict()["metrics"] == report.metrics


def test_the_metadata_says_what_it_was_trained_on(file: Path, tmp_path: Path) -> None:
    report = train(file, plan(), tmp_path / "models", TRAINED, EVALUATED)
    metadata = load_current(tmp_path / "models", plan()).metadata
    assert (metadata.trained.from_ms, metadata.trained.to_ms, metadata.trained.rows) == (0, CUT, report.trained_rows)
    assert (metadata.evaluated.from_ms, metadata.evaluated.to_ms) == (CUT, END)
    assert metadata.metrics == {
        **report.metrics,
        **{f"baseline_{name}": value for name, value in report.baseline.items()},
        **{f"trained_{name}": value for name, value in report.on_trained.items()},
    }
    assert metadata.label.column == "y" and metadata.fingerprint == plan().fingerprint


@pytest.mark.parametrize("before", [False, True])
def test_the_metadata_says_when_training_asked(tmp_path: Path, before: bool) -> None:
    file = write_set(tmp_path / "set.parquet", plan(), rows(), before=before)
    report = train(file, plan(), tmp_path / "models", TRAINED, EVALUATED)
    assert load_current(tmp_path / "models", plan()).metadata.before is before
    assert versions_before(tmp_path / "models", "cost") == ([report.version] if before else [])


def test_a_set_that_does_not_say_when_it_asked_is_refused(file: Path, tmp_path: Path) -> None:
    table = pq.read_table(file)
    kept = {name: value for name, value in table.schema.metadata.items() if name != BEFORE}
    pq.write_table(table.replace_schema_metadata({**kept, **PLACEHOLDER}), file)
    add_checksum(file)
    with pytest.raises(UsageError, match="does not say whether it was made with --before"):
        train(file, plan(), tmp_path / "models", TRAINED, EVALUATED)


def test_a_label_that_the_objective_does_not_learn_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"objective 'l1' does not learn orders\.y, which is bool") as raised:
        train(tmp_path / "none.parquet", plan("bool"), tmp_path / "models", TRAINED, EVALUATED)
    assert raised.value.allowed == "a label of type int64 float64"
    assert raised.value.hint == "objective='binary' learns whether something holds"


def test_the_evaluation_is_what_the_loaded_model_predicts(file: Path, tmp_path: Path) -> None:
    report = train(file, plan(), tmp_path / "models", TRAINED, EVALUATED)
    table = pq.read_table(file).slice(CUT)
    predicted = load_current(tmp_path / "models", plan()).predict_table(table)
    label = np.array(table["label"].to_pylist(), dtype=float)
    assert np.nanmean(np.abs(predicted - label)) == pytest.approx(report.metrics["mae"], abs=1e-9)


def test_the_same_set_gives_the_same_model_to_the_byte(file: Path, tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        report = train(file, plan(), tmp_path / name, TRAINED, EVALUATED)
        texts.append((tmp_path / name / "cost" / report.version / "model.txt").read_bytes())
    assert texts[0] == texts[1]


def test_the_trees_do_not_depend_on_the_number_of_threads(file: Path, tmp_path: Path) -> None:
    trees = []
    for threads in (1, 2):
        report = train(file, plan(), tmp_path / str(threads), TRAINED, EVALUATED, threads=threads)
        text = (tmp_path / str(threads) / "cost" / report.version / "model.txt").read_text()
        trees.append(text.split("parameters:")[0])
    assert trees[0] == trees[1]


def test_categories_come_from_the_trained_range_only(tmp_path: Path) -> None:
    columns = rows()
    columns["kind"][CUT] = "new"
    file = write_set(tmp_path / "set.parquet", plan(), columns)
    train(file, plan(), tmp_path / "models", TRAINED, EVALUATED)
    assert load_current(tmp_path / "models", plan()).metadata.categories == {"kind": ("a", "b", "c")}


def test_a_column_that_is_always_null_does_no_harm(tmp_path: Path) -> None:
    columns = {**rows(), "kind": [None] * END, "x": [None] * END}
    file = write_set(tmp_path / "set.parquet", plan(), columns)
    train(file, plan(), tmp_path / "models", TRAINED, EVALUATED)
    assert load_current(tmp_path / "models", plan()).metadata.categories == {"kind": ()}


def test_a_missing_training_set_points_to_the_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cost has no training set") as raised:
        train(tmp_path / "none.parquet", plan(), tmp_path / "models", TRAINED, EVALUATED)
    assert "penstock training-set cost" in str(raised.value.hint)


def test_a_file_that_is_no_parquet_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "set.parquet").write_bytes(b"text")
    with pytest.raises(PenstockError, match=r"set\.parquet is damaged"):
        train(tmp_path / "set.parquet", plan(), tmp_path / "models", TRAINED, EVALUATED)


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9, 0.999])
def test_one_flipped_bit_is_noticed(file: Path, tmp_path: Path, where: float) -> None:
    data = bytearray(file.read_bytes())
    data[int(len(data) * where)] ^= 4
    file.write_bytes(data)
    with pytest.raises(PenstockError, match=r"set\.parquet is damaged") as error:
        train(file, plan(), tmp_path / "models", TRAINED, EVALUATED)
    assert error.value.where == str(file)
    assert not (tmp_path / "models").exists()


def test_a_set_of_another_definition_is_refused_with_both_fingerprints(file: Path, tmp_path: Path) -> None:
    other = plan(more="int64")
    with pytest.raises(RefusedError, match=plan().fingerprint) as raised:
        train(file, other, tmp_path / "models", TRAINED, EVALUATED)
    assert raised.value.allowed == other.fingerprint


@pytest.mark.parametrize(
    ("trained", "evaluated", "message"),
    [
        ((5, 5), EVALUATED, "training range .* is empty"),
        (TRAINED, (9, 8), "evaluation range .* is empty"),
        ((-1, CUT), EVALUATED, "training range .* is not in the training set"),
        (TRAINED, (CUT, END + 1), "evaluation range .* is not in the training set"),
        ((0, 1), EVALUATED, "no row with a label"),
        (TRAINED, (17, 18), "no row with a label"),
    ],
)
def test_ranges_without_rows_are_refused(
    file: Path, tmp_path: Path, trained: tuple[int, int], evaluated: tuple[int, int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        train(file, plan(), tmp_path / "models", Span(*trained), Span(*evaluated))
    assert not (tmp_path / "models").exists()


def test_a_model_without_a_label_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cost has no label to learn"):
        train(tmp_path / "set.parquet", plan(None), tmp_path / "models", TRAINED, EVALUATED)


def test_every_type_of_column_is_a_feature(file: Path, tmp_path: Path) -> None:
    train(file, plan(), tmp_path / "models", TRAINED, EVALUATED)
    assert load_current(tmp_path / "models", plan()).booster.feature_name() == list(COLUMNS)
