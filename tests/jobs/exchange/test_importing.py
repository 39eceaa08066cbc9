"""Models that were trained elsewhere: taken in as they are, or refused with one sentence."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
from onnx import TensorProto

from penstock.features.errors import RefusedError, UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.features.vector import Values
from penstock.jobs.exchange.importing import ImportReport, import_model
from penstock.jobs.models.folder import LoadedModel, load_current
from tests.jobs.exchange.notebook import first_feature, frame, lightgbm_text, linear
from tests.jobs.models.examples import COLUMNS, CUT, END, plan, rows, write_set

#: The model with a text feature, and one of numbers alone that learns a bool.
WITH_TEXT = plan()
KINDS = {"kind": ["a", "b", "c"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set") / "set.parquet", plan(), rows())


def bring(
    folder: Path, model: bytes | str, data: Path, *, name: str = "model.txt", of: ModelPlan = WITH_TEXT, **more: Any
) -> ImportReport:
    """Imports the bytes as a file of this name."""
    file = folder / name
    file.write_bytes(model.encode() if isinstance(model, str) else model)
    if "categories" in more:
        (folder / "categories.json").write_text(json.dumps(more.pop("categories")))
        more["categories"] = folder / "categories.json"
    return import_model(file, of, folder / "models", data, Span(0, CUT), Span(CUT, END), **more)


def loaded(folder: Path, of: ModelPlan = WITH_TEXT) -> LoadedModel:
    return load_current(folder / "models", of)


def columns(model: LoadedModel, n: int) -> dict[str, Values]:
    return {name: Values.of(type, rows()[name][:n]) for name, type in model.metadata.features}


def test_a_lightgbm_model_answers_as_it_did_in_the_notebook(tmp_path: Path, data: Path) -> None:
    text = lightgbm_text(data)
    report = bring(tmp_path, text, data)
    model, there = loaded(tmp_path), frame(data)[:200]
    assert report.runtime == model.runtime == "LightGBM"
    assert model.metadata.libraries["lightgbm"] == lgb.__version__
    assert report.metrics["mae"] < report.baseline["mae"] / 2
    assert (model.metadata.imported, model.metadata.categories) == ("model.txt", {"kind": ("a", "b", "c")})
    assert model.metadata.before is False and model.metadata.trained.rows == len(frame(data))
    here = model.predict_table(pq.read_table(data).take(there.index.to_numpy()))
    assert here.tolist() == lgb.Booster(model_str=text).predict(there[list(COLUMNS)]).tolist()


def test_codes_that_were_given_by_hand_need_the_list_of_categories(tmp_path: Path, data: Path) -> None:
    table = frame(data, "object")
    table["kind"] = table["kind"].map({"c": 0, "a": 1, "b": 2})
    booster = lgb.train(
        {"verbosity": -1}, lgb.Dataset(table[list(COLUMNS)], table["label"], categorical_feature=["kind"]), 20
    )
    with pytest.raises(UsageError, match="cost has other text features: kind") as raised:
        bring(tmp_path, booster.model_to_string(), data)
    assert "--categories FILE" in str(raised.value.hint)
    bring(tmp_path, booster.model_to_string(), data, categories={"kind": ["c", "a", "b"]})
    here = loaded(tmp_path).predict_table(pq.read_table(data).take(table.index.to_numpy()))
    assert here.tolist() == booster.predict(table[list(COLUMNS)]).tolist()


WRONG: dict[str, tuple[Callable[[Path], Any], dict[str, Any], str, str | None]] = {
    "a feature is missing": (
        lambda data: lightgbm_text(data, ["x", "n", "kind", "gift"]),
        {},
        "the model lacks the feature placed",
        None,
    ),
    "another name": (
        lambda data: lightgbm_text(data).replace("x n kind gift placed", "x n kind gift place"),
        {},
        "the model lacks the feature placed",
        "did you mean 'place'?",
    ),
    "a feature too many": (
        lambda data: lightgbm_text(data, [*COLUMNS, "label"]),
        {},
        "the model reads label, which is no feature of cost",
        None,
    ),
    "another order": (
        lambda data: lightgbm_text(data, ["n", "x", "kind", "gift", "placed"]),
        {},
        "the model's features have another order: number 1 is n, not x",
        None,
    ),
    "a code out of range": (
        lambda data: lightgbm_text(data, max_cat_to_onehot=1).replace('"b", "c"]', '"b"]').replace('"a", ', ""),
        {},
        "the model asks kind for category 2, and it has 1, from 0 on",
        None,
    ),
    "categories that are no texts": (
        lambda data: lightgbm_text(data).replace('["a", "b", "c"]', "[1, 2, 3]"),
        {},
        "the categories of kind are not texts",
        None,
    ),
    "a column of categories too many": (
        lambda data: lightgbm_text(data).replace('[["a"', '[[1, 2], ["a"'),
        {},
        "the model has 2 category columns, and cost has 1 text features",
        None,
    ),
    "categories twice": (
        lightgbm_text,
        {"categories": KINDS},
        "the model holds its categories itself",
        None,
    ),
    "several classes": (
        lambda data: lightgbm_text(data, objective="multiclass", num_class=3),
        {},
        "the model answers with 3 numbers, and cost with 1",
        None,
    ),
    "a probability": (
        lambda data: lightgbm_text(data, objective="cross_entropy"),
        {},
        "the model's objective is cross_entropy, and the answer of cost has the form number",
        None,
    ),
    "half a file": (lambda data: lightgbm_text(data)[:5_000], {}, "the LightGBM model is damaged", None),
    "a pickle": (
        lambda data: pickle.dumps(lgb.Booster(model_str=lightgbm_text(data))),
        {},
        "the file is a pickle, and nothing is unpickled",
        None,
    ),
    "something else": (lambda data: b"hello", {}, "the file is no model", None),
    "JSON": (lambda data: b'{"learner": {}}', {}, "the file is JSON", None),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused_with_one_sentence(tmp_path: Path, data: Path, name: str) -> None:
    make, more, words, hint = WRONG[name]
    if name in ("several classes", "a probability"):
        labelled = rows()
        labelled["label"] = [None if y is None else float(y > 0) for y in labelled["label"]]
        data = write_set(tmp_path / "set.parquet", plan(), labelled)
    with pytest.raises(UsageError) as raised:
        bring(tmp_path, make(data), data, **more)
    assert raised.value.what.startswith(words)
    assert hint is None or raised.value.hint == hint
    assert not (tmp_path / "models").exists()


def test_a_training_set_of_another_definition_is_refused(tmp_path: Path, data: Path) -> None:
    with pytest.raises(RefusedError, match="another definition"):
        bring(tmp_path, lightgbm_text(data), data, of=plan(training={"objective": "l2"}))


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="the model cannot be read: No such file"):
        import_model(tmp_path / "none.txt", WITH_TEXT, tmp_path / "models", data, Span(0, CUT), Span(CUT, END))


# -- ONNX -------------------------------------------------------------------------------------------------------------

WEIGHTS = [10.0, 0.25, 1.0, 0.5, 0.0]


@pytest.mark.parametrize("type", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_a_model_in_onnx_is_answered_by_onnxruntime(tmp_path: Path, data: Path, type: int) -> None:
    report = bring(tmp_path, linear(WEIGHTS, type=type), data, name="m.onnx", categories=KINDS)
    model = loaded(tmp_path)
    assert model.runtime == report.runtime and report.runtime.startswith("onnxruntime 1.")
    assert (Path(model.where) / "model.onnx").is_file() and model.metadata.written_in == "onnx"
    found = model.predict(columns(model, 50)).tolist()
    kinds, given = {"a": 0, "b": 1, "c": 2, None: 0}, rows()
    wanted = [
        10.0 * (given["x"][i] or 0) + 0.25 * given["n"][i] + kinds[given["kind"][i]] + 0.5 * given["gift"][i]
        for i in range(50)
    ]
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-6)
    assert model.predict(columns(model, 0)).tolist() == []


def test_a_row_alone_has_the_bits_of_a_row_among_many(tmp_path: Path, data: Path) -> None:
    bring(tmp_path, linear([0.1, 0.2, 0.3, 0.7, 1e-7]), data, name="m.onnx", categories=KINDS)
    model = loaded(tmp_path)
    known = columns(model, 64)
    each = [
        model.predict({name: Values(v.type, v.values[i : i + 1], v.null[i : i + 1]) for name, v in known.items()})[0]
        for i in range(64)
    ]
    assert model.predict(known).tolist() == each


def binary(tmp_path: Path) -> tuple[ModelPlan, Path]:
    """A model that learns a bool, and its training set."""
    of = plan("bool", training={"objective": "binary"})
    labelled = rows()
    labelled["label"] = [None if y is None else y > 0 for y in labelled["label"]]
    return of, write_set(tmp_path / "set.parquet", of, labelled)


#: Models of the binary training set, as other programs converted them: a random forest after an imputer (scikit-learn
#: 1.9.1, skl2onnx 1.20.0), with and without maps, and boosted trees (XGBoost 3.2.0, onnxmltools 1.16.0). What they
#: said themselves of the first labelled rows.
FILES = Path(__file__).parent / "files"


@pytest.mark.parametrize("name", ["forest", "boosted"])
def test_a_converted_classifier_gives_the_probability_of_the_second_class(tmp_path: Path, name: str) -> None:
    of, data = binary(tmp_path)
    report = bring(tmp_path, (FILES / f"{name}.onnx").read_bytes(), data, name="m.onnx", of=of, categories=KINDS)
    assert report.metrics["auc"] > 0.9
    there = json.loads((FILES / "expected.json").read_text())[name]
    labelled = pq.read_table(data).take(frame(data).index.to_numpy()[: len(there)])
    assert loaded(tmp_path, of).predict_table(labelled) == pytest.approx(there, abs=1e-6)


def test_answers_in_maps_are_refused_and_the_converter_s_option_is_named(tmp_path: Path) -> None:
    of, data = binary(tmp_path)
    with pytest.raises(UsageError, match="the model answers with") as raised:
        bring(tmp_path, (FILES / "forest_of_maps.onnx").read_bytes(), data, name="m.onnx", of=of, categories=KINDS)
    assert "zipmap" in str(raised.value.hint)


def classes(tmp_path: Path) -> tuple[ModelPlan, Path]:
    """A model that tells three texts apart, and its training set."""
    of = plan("string", training={"objective": "multiclass"})
    labelled = rows()
    labelled["label"] = [
        None if y is None else "low" if y < -3 else "mid" if y < 3 else "high" for y in rows()["label"]
    ]
    return of, write_set(tmp_path / "set.parquet", of, labelled)


def test_classes_are_those_of_the_training_set_sorted(tmp_path: Path) -> None:
    of, data = classes(tmp_path)
    table = frame(data)
    codes = table["label"].map({"high": 0, "low": 1, "mid": 2})
    parameters = {"objective": "multiclass", "num_class": 3, "verbosity": -1}
    booster = lgb.train(parameters, lgb.Dataset(table[list(COLUMNS)], codes), 10)
    report = bring(tmp_path, booster.model_to_string(), data, of=of)
    assert report.metrics["accuracy"] > 0.8 and report.metrics["log_loss"] < report.baseline["log_loss"]
    model = loaded(tmp_path, of)
    assert model.metadata.outputs == ("high", "low", "mid")
    found = model.predict_table(pq.read_table(data).take(table.index.to_numpy()))
    assert found.tolist() == booster.predict(table[list(COLUMNS)]).tolist()
    four = lgb.train({**parameters, "num_class": 4}, lgb.Dataset(table[list(COLUMNS)], codes), 2)
    with pytest.raises(UsageError, match="the model answers with 4 numbers, and cost with 3") as raised:
        bring(tmp_path, four.model_to_string(), data, of=of)
    assert raised.value.allowed == "the classes high, low, mid, in this order"


def test_classes_in_onnx_are_probabilities_that_add_up_to_one(tmp_path: Path) -> None:
    of, data = classes(tmp_path)
    for model, words in (
        (linear([0.0] * 5, outputs=3, sigmoid=True), "the model's probabilities do not add up to 1"),
        (linear([0.0] * 5), "the model answers with 1 numbers, not 3"),
        (linear(WEIGHTS, outputs=3), "an answer of the model is "),
    ):
        with pytest.raises(UsageError) as raised:
            bring(tmp_path, model, data, name="m.onnx", of=of, categories=KINDS)
        assert raised.value.what.startswith(words)
    report = bring(tmp_path, linear(WEIGHTS, outputs=3, softmax=True), data, name="m.onnx", of=of, categories=KINDS)
    assert report.metrics["log_loss"] == pytest.approx(np.log(3))
    model = loaded(tmp_path, of)
    assert model.predict(columns(model, 4)) == pytest.approx(np.full((4, 3), 1 / 3))


WRONG_ONNX: dict[str, tuple[bytes, str]] = {
    "other features": (linear([1.0] * 4), "the model reads x tensor(float) ['rows', 4]"),
    "several numbers": (linear(WEIGHTS, outputs=3), "the model answers with 3 numbers, not 1"),
    "two numbers": (linear(WEIGHTS, outputs=2), "the model answers with 2 numbers, and cost with one number"),
    "half a file": (linear(WEIGHTS)[:-30], "onnxruntime cannot read the model"),
    "no bytes": (b"", "onnxruntime cannot read the model"),
    "no answer": (first_feature("Log", 5), "the model has no answer to "),
}


@pytest.mark.parametrize("name", WRONG_ONNX)
def test_onnx_that_does_not_fit_is_refused_with_one_sentence(tmp_path: Path, data: Path, name: str) -> None:
    model, words = WRONG_ONNX[name]
    with pytest.raises(UsageError) as raised:
        bring(tmp_path, model, data, name="m.onnx", categories=KINDS)
    assert raised.value.what.startswith(words)
    assert not (tmp_path / "models").exists()


def test_answers_that_are_no_probabilities_are_refused(tmp_path: Path) -> None:
    of, data = binary(tmp_path)
    with pytest.raises(UsageError, match="an answer of the model is") as raised:
        bring(tmp_path, linear(WEIGHTS), data, name="m.onnx", of=of, categories=KINDS)
    assert raised.value.allowed == "probabilities, from 0 to 1"
    report = bring(tmp_path, linear([1.0, 0, 0, 0, 0], sigmoid=True), data, name="m.onnx", of=of, categories=KINDS)
    assert report.metrics["auc"] > 0.8


def test_weights_outside_the_file_are_not_read(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = onnx.load_from_string(linear(WEIGHTS))
    (tmp_path / "weights.bin").write_bytes(model.graph.initializer[0].raw_data)
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    model.graph.initializer[0].external_data.add(key="location", value="weights.bin")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="onnxruntime cannot read the model") as raised:
        bring(tmp_path, model.SerializeToString(), data, name="m.onnx", categories=KINDS)
    assert "holds its own weights" in str(raised.value.allowed)


def test_without_onnxruntime_the_extra_is_named(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "penstock.jobs.models.onnx_model", None)
    with pytest.raises(UsageError, match="onnxruntime is not installed") as raised:
        bring(tmp_path, linear(WEIGHTS), data, name="m.onnx", categories=KINDS)
    assert raised.value.hint == "pip install 'penstock[onnx]'"
