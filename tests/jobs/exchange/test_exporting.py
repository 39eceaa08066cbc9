"""Versions as files for other programs."""

from __future__ import annotations

from pathlib import Path

import lightgbm as lgb
import pyarrow.parquet as pq
import pytest
import yaml

from penstock import Objective
from penstock.features.errors import UsageError
from penstock.features.span import Span
from penstock.jobs.exchange.exporting import export_file, export_mlflow
from penstock.jobs.exchange.importing import import_model
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.training.train import train
from tests.jobs.exchange.notebook import frame, linear
from tests.jobs.models.examples import COLUMNS, CUT, END, plan, rows, write_set


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set") / "set.parquet", plan(), rows())


@pytest.fixture(scope="module")
def model(data: Path) -> LoadedModel:
    models = data.parent / "models"
    train(data, plan(), models, Span(0, CUT), Span(CUT, END), parameters={"num_iterations": 10})
    return load_current(models, plan())


def answers(model: LoadedModel, data: Path) -> list[float]:
    """Those of the version to the labelled rows of the first range."""
    return model.predict_table(pq.read_table(data).take(frame(data).index.to_numpy())).tolist()


def test_its_text_takes_a_dataframe_and_answers_with_the_same_bits(
    model: LoadedModel, data: Path, tmp_path: Path
) -> None:
    export_file(model, tmp_path / "sub" / "cost.txt")
    booster = lgb.Booster(model_file=tmp_path / "sub" / "cost.txt")
    assert booster.predict(frame(data)[list(COLUMNS)], num_threads=1).tolist() == answers(model, data)


def test_what_was_exported_is_imported_again(model: LoadedModel, data: Path, tmp_path: Path) -> None:
    export_file(model, tmp_path / "cost.txt")
    import_model(tmp_path / "cost.txt", plan(), tmp_path / "models", data, Span(0, CUT), Span(CUT, END))
    again = load_current(tmp_path / "models", plan())
    assert answers(again, data) == answers(model, data)
    assert again.metadata.categories == model.metadata.categories
    assert again.metadata.metrics["mae"] == model.metadata.metrics["mae"]


@pytest.mark.parametrize("name", ["ranking", "quantiles"])
def test_so_is_a_model_of_another_form(tmp_path: Path, name: str) -> None:
    columns = rows()
    columns["group"] = [row // 10 for row in range(END)]
    if name == "ranking":
        of = plan("int64", training={"objective": "ranking", "group": lambda orders: orders.n})
        columns["label"] = [None if y is None else int(y > 0) for y in columns["label"]]
    else:
        of = plan(training={"objective": Objective.quantiles(0.1, 0.5, 0.9)})
    file, spans = write_set(tmp_path / "set.parquet", of, columns), (Span(0, CUT), Span(CUT, END))
    report = train(file, of, tmp_path / "models", *spans, parameters={"num_iterations": 10})
    known = load_current(tmp_path / "models", of)
    export_file(known, tmp_path / "cost.txt")
    assert import_model(tmp_path / "cost.txt", of, tmp_path / "again", file, *spans).metrics == report.metrics
    again = load_current(tmp_path / "again", of)
    assert answers(again, file) == answers(known, file)
    assert again.metadata.outputs == known.metadata.outputs
    export_file(again, tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "cost.txt").read_bytes()


def test_text_without_a_line_of_categories_is_exported_whole(model: LoadedModel, data: Path, tmp_path: Path) -> None:
    """As LightGBM's own program writes it."""
    export_file(model, tmp_path / "cost.txt")
    bare = (tmp_path / "cost.txt").read_text().partition("\npandas_categorical")[0]
    (tmp_path / "bare.txt").write_text(bare)
    (tmp_path / "c.json").write_text('{"kind": ["a", "b", "c"]}')
    spans = (Span(0, CUT), Span(CUT, END))
    import_model(tmp_path / "bare.txt", plan(), tmp_path / "models", data, *spans, tmp_path / "c.json")
    export_file(load_current(tmp_path / "models", plan()), tmp_path / "again.txt")
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "cost.txt").read_bytes()


def test_a_model_in_onnx_is_exported_as_it_is(data: Path, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(linear([1.0, 0.0, 0.0, 0.0, 0.0]))
    (tmp_path / "c.json").write_text('{"kind": ["a", "b"]}')
    import_model(tmp_path / "m.onnx", plan(), tmp_path, data, Span(0, CUT), Span(CUT, END), tmp_path / "c.json")
    loaded = load_current(tmp_path, plan())
    export_file(loaded, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "m.onnx").read_bytes()
    with pytest.raises(UsageError, match="is written in ONNX"):
        export_mlflow(loaded, tmp_path / "folder")


def test_mlflow_reads_the_folder_and_answers_with_the_same_bits(model: LoadedModel, data: Path, tmp_path: Path) -> None:
    export_mlflow(model, tmp_path / "cost")
    import mlflow.lightgbm  # it takes seconds

    told = yaml.safe_load((tmp_path / "cost" / "MLmodel").read_text())["metadata"]
    assert (told["penstock_version"], told["penstock_fingerprint"]) == (model.version, model.fingerprint)
    given = frame(data)[list(COLUMNS)]
    for reader in (mlflow.lightgbm.load_model, mlflow.pyfunc.load_model):
        assert reader(str(tmp_path / "cost")).predict(given).tolist() == answers(model, data)
    with pytest.raises(UsageError, match="is there already"):
        export_mlflow(model, tmp_path / "cost")
    assert [file.name for file in tmp_path.iterdir()] == ["cost"]
