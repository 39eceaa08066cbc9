"""``penstock model export``: a version as a file, or as a model folder of MLflow."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import lightgbm as lgb

from penstock.features.errors import UsageError
from penstock.jobs.models.folder import LIGHTGBM, LoadedModel
from penstock.jobs.process.whole_file import whole_file

_PARAMETERS_END, _CATEGORIES = "\nend of parameters\n", "\npandas_categorical:"


def export_file(model: LoadedModel, file: Path) -> None:
    """Writes the version's model: LightGBM's text with its categories, as DataFrames have them, or the ONNX file."""
    text = lightgbm_text(model).encode() if model.metadata.written_in == LIGHTGBM else model.read()
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as unfinished:
        unfinished.write_bytes(text)


def lightgbm_text(model: LoadedModel) -> str:
    """The version's text with its categories: LightGBM then takes a DataFrame whose text columns are categories."""
    known = model.metadata.categories
    lists = [known[name] for name, type in model.metadata.features if type == "string"]
    trees = model.read().decode().partition(_CATEGORIES)[0]
    # of several quantiles one model was put together, without the parameters that end each of LightGBM's files
    whole = trees if _PARAMETERS_END in trees else f"{trees}\nparameters:\n{_PARAMETERS_END}"
    return f"{whole}{_CATEGORIES}{json.dumps(lists)}\n"


def export_mlflow(model: LoadedModel, folder: Path) -> None:
    """Writes MLflow's model folder, of its LightGBM flavour. It says in ``metadata`` what the version is.

    Raises UsageError without mlflow, for a folder that is there, and for a model in ONNX.
    """
    if model.metadata.written_in != LIGHTGBM:
        raise UsageError(
            f"{model.name} {model.version} is written in ONNX",
            where="--mlflow",
            allowed="models of LightGBM",
            hint="without --mlflow its file is written as it is",
        )
    if folder.exists():
        raise UsageError(f"{folder} is there already", where="--out", allowed="a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=folder.parent) as scratch:
        _write_mlflow(model, Path(scratch) / folder.name)
        os.rename(Path(scratch) / folder.name, folder)


def _write_mlflow(model: LoadedModel, folder: Path) -> None:
    # MLflow tells its makers about its use unless it is told not to, before it is imported
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    try:
        import mlflow.lightgbm  # an extra, and it takes seconds
    except ModuleNotFoundError:
        raise UsageError("mlflow is not installed", where="--mlflow", hint="pip install 'penstock[mlflow]'") from None
    # no signature: MLflow has no type for a category, and refuses a null in a whole number
    mlflow.lightgbm.save_model(
        lgb.Booster(model_str=lightgbm_text(model)),
        str(folder),
        pip_requirements=[f"lightgbm=={lgb.__version__}", "pandas"],
        metadata={
            "penstock_model": model.name,
            "penstock_version": model.version,
            "penstock_fingerprint": model.fingerprint,
            "penstock_features": dict(model.metadata.features),
        },
    )
