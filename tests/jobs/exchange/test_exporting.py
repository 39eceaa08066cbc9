"""Versions as files for other programs."""

from __future__ import annotations

from pathlib import Path

import lightgbm as lgb
import pyarrow.parquet as pq
import pytest
import yaml

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
