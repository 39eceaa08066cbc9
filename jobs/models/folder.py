"""A model's versions: ``<models>/<model>/<version>/{model.txt,metadata.json}`` and a file for each alias (``pointer``).
A model in ONNX is ``model.onnx``.

A version's name ends with the hash of its metadata, and the metadata holds the hash of the model: a folder that was
written by halves, or changed by hand, is not loaded.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from penstock.features.errors import PenstockError, RefusedError, UsageError
from penstock.features.plan import LabelPlan, ModelPlan
from penstock.features.vector import Values
from penstock.jobs.models.arrays import Matrix, entries_of, matrix, of_features, values_of
from penstock.jobs.models.lightgbm_text import read_text
from penstock.jobs.models.lines import line_of, parts_of
from penstock.jobs.models.log import record
from penstock.jobs.models.pointer import CURRENT, current_version, set_current
from penstock.jobs.models.storage.storage import Models, storage_of
from penstock.jobs.models.trees import Trees

if TYPE_CHECKING:
    from penstock.jobs.models.onnx_model import OnnxModel

METADATA, COUNTS = "metadata.json", "counts.json"
#: What a version's model is written in, and the name of its file.
WrittenIn = Literal["lightgbm", "onnx"]
LIGHTGBM: WrittenIn = "lightgbm"
ONNX: WrittenIn = "onnx"
FILES: dict[WrittenIn, str] = {LIGHTGBM: "model.txt", ONNX: "model.onnx"}
FORMAT = 1
#: Digits of the metadata's SHA-256 in a version's name.
_DIGITS = 12
_VERSION = re.compile(rf"\d{{8}}T\d{{6}}Z-[0-9a-f]{{{_DIGITS}}}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(_Part):
    """Requests with ``from_ms <= t < to_ms``; ``rows``: those with a label."""

    from_ms: int
    to_ms: int
    rows: int


class Metadata(_Part):
    """What is known of a version. ``features``: name and type, in the matrix's order; ``categories``: of each string
    feature, in the order of their codes; ``before``: whether the training set left out events at the request's time,
    None where an earlier version trained it and did not say; ``answer``: its form (``penstock.features.objectives``),
    None of an earlier version, which gives one number; ``outputs``: of an answer with several numbers their names in
    order; ``rising``: these numbers are put in rising order; ``part``: of a model with ``by=``, the text of the value
    that the version is for, None for the rest; ``written_in``: one of ``FILES``; ``imported``: name of
    the file that a model trained elsewhere was imported from; ``counts_sha256``: of the bytes of ``counts.json``, None
    where a version has no counts of its trained rows; ``model_sha256``: of the bytes of the model's file.
    """

    format: int
    model: str
    fingerprint: str
    features: tuple[tuple[str, str], ...]
    categories: dict[str, tuple[str, ...]]
    label: LabelPlan
    before: bool | None = None
    answer: str | None = None
    outputs: tuple[str, ...] = ()
    rising: bool = False
    part: str | None = None
    trained: Range
    evaluated: Range
    metrics: dict[str, float]
    parameters: dict[str, str | int | float | bool]
    libraries: dict[str, str]
    created: datetime
    written_in: WrittenIn = LIGHTGBM
    imported: str | None = None
    counts_sha256: str | None = None
    model_sha256: str


@dataclass(frozen=True)
class LoadedModel:
    """A version that can predict."""

    name: str
    version: str
    fingerprint: str
    metadata: Metadata
    models: Models
    predictor: Trees | OnnxModel

    @property
    def line(self) -> str:
        """The folder of its line of versions: of a model without ``by=`` the model's name."""
        return line_of(self.name, self.metadata.part)

    @property
    def where(self) -> str:
        """Its folder, for people."""
        return storage_of(self.models).where(self.line, self.version)

    def read(self) -> bytes:
        """Its model.txt or model.onnx. Raises PenstockError where it is gone."""
        return _read(self.models, self.line, self.version, FILES[self.metadata.written_in])

    @property
    def trees(self) -> Trees:
        """LightGBM's trees. Raises RefusedError for a model that is not LightGBM's."""
        if isinstance(self.predictor, Trees):
            return self.predictor
        raise RefusedError(f"{self.name} {self.version} has no trees of LightGBM: {self.runtime} answers")

    @property
    def runtime(self) -> str:
        """Who predicts."""
        return self.predictor.runtime

    @property
    def booster(self) -> lgb.Booster:
        """LightGBM's own."""
        return self.trees.booster

    def predict(self, columns: Mapping[str, Values]) -> npt.NDArray[np.float64]:
        """The answers for n vectors, given as columns by name. Shape (n,), or with ``outputs`` (n, outputs)."""
        return self.predict_matrix(matrix(self.metadata.features, self.metadata.categories, columns))

    def predict_matrix(self, filled: Matrix) -> npt.NDArray[np.float64]:
        """The same for a matrix of this version: its features, and its categories' codes."""
        answers = self.predictor.predict(filled)
        return np.sort(answers, axis=1) if self.metadata.rising else answers

    def contributions(self, columns: Mapping[str, Values]) -> npt.NDArray[np.float64]:
        """``shares`` of vectors that are given as columns by name."""
        return self.shares(matrix(self.metadata.features, self.metadata.categories, columns))

    def shares(self, filled: Matrix) -> npt.NDArray[np.float64]:
        """LightGBM's own SHAP values. Shape (n, outputs or 1, features + 1): what each feature adds to the raw
        prediction (a vector the sum of its elements), in the order of ``metadata.features``, and last what the model
        says of nothing.
        """
        parts = np.asarray(self.booster.predict(filled, pred_contrib=True, num_threads=1), dtype=np.float64)
        parts = parts.reshape(len(filled), -1, filled.shape[1] + 1)
        shares = of_features(self.metadata.features, parts[:, :, :-1])
        return np.concatenate([shares, parts[:, :, -1:]], axis=-1)

    def predict_table(self, table: pa.Table) -> npt.NDArray[np.float64]:
        """The same for a table whose columns are the vector's items, as a training set has them."""
        return self.predict({name: values_of(type, table[name]) for name, type in self.metadata.features})


def save(models: Models, metadata: Metadata, model: bytes, counts: bytes | None = None, *, current: bool = True) -> str:
    """Writes a version, whole or not at all, and makes it the current one unless told otherwise. Returns its name.

    ``counts``: what it was trained on, in its own bins (``penstock.jobs.binning.trained``).

    Raises PenstockError when it cannot be written: the former version is the current one then.
    """
    described = metadata.model_dump_json(indent=2).encode()
    version = f"{metadata.created.astimezone(UTC):%Y%m%dT%H%M%SZ}-{sha256(described)[:_DIGITS]}"
    more = {} if counts is None else {COUNTS: counts}
    storage, files = storage_of(models), {FILES[metadata.written_in]: model, **more, METADATA: described}
    line = line_of(metadata.model, metadata.part)
    try:
        storage.add(files, line, version)
        former = current_version(models, line) if current else None
        if current:
            set_current(models, line, version)
    except OSError as error:
        why = error.strerror or error
        raise PenstockError(f"the model cannot be saved: {why}", where=storage.where(line)) from None
    details = {"imported": metadata.imported} if metadata.imported else {}
    made = {"metrics": metadata.metrics, "trained": metadata.trained.model_dump(), **details}
    record(models, line, "import" if metadata.imported else "train", version, **made)
    if current:
        record(models, line, "promote", version, alias=CURRENT, former=former)
    return version


def load_current(models: Models, plan: ModelPlan, part: str | None = None) -> LoadedModel:
    """The version that ``current`` names. ``part``: of a model with ``by=``, the value's text; None for the rest.

    Raises UsageError when none was trained, RefusedError when it was trained for another definition, PenstockError
    for a folder that is not what was written.
    """
    line, storage = line_of(plan.name, part), storage_of(models)
    version = current_version(models, line)
    if version is None:
        raise UsageError(
            f"{line} has no trained model",
            where=storage.where(line),
            hint=f"run 'penstock train {plan.name}' first",
        )
    if not _VERSION.fullmatch(version):
        raise PenstockError(f"{version[:80]!r} is not a version", where=storage.where(line, CURRENT))
    return _load(models, plan, version, part)


def load_named(models: Models, plan: ModelPlan, version: str, part: str | None = None) -> LoadedModel:
    """A version for this plan and part, whichever is the current one.

    Raises UsageError for a version that is not there, RefusedError for one of another definition, PenstockError for a
    folder that is not what was written.
    """
    check_version(models, line_of(plan.name, part), version)
    return _load(models, plan, version, part)


def check_version(models: Models, model: str, version: str) -> None:
    """Raises UsageError for a version that is not there."""
    if not _there(models, model, version):
        raise UsageError(
            f"{model} has no version {version[:80]}",
            where=storage_of(models).where(model),
            allowed=", ".join(version_names(models, model)) or None,
        )


def _there(models: Models, model: str, version: str) -> bool:
    return bool(_VERSION.fullmatch(version)) and version in version_names(models, model)


def version_names(models: Models, model: str) -> list[str]:
    """Of all versions, the oldest first. Raises PenstockError where the folder cannot be read."""
    storage = storage_of(models)
    try:
        names = storage.names(model)
    except OSError as error:
        why = error.strerror or error
        raise PenstockError(f"the versions of {model} are not known: {why}", where=storage.where(model)) from None
    return sorted(name for name in names if _VERSION.fullmatch(name))


def load_version(models: Models, model: str, version: str, fingerprint: str, part: str | None = None) -> LoadedModel:
    """A version by its name, whichever is the current one and whatever the definitions say by now.

    Raises UsageError when it is gone, RefusedError when it is not of this fingerprint, PenstockError for a folder that
    is not what was written.
    """
    line = line_of(model, part)
    if not _there(models, line, version):
        raise UsageError(
            f"version {version[:80]} of {line} is gone",
            where=storage_of(models).where(line),
            allowed=", ".join(version_names(models, line)) or None,
            hint="put its folder back to replay what it predicted",
        )
    metadata = read_metadata(models, line, version)
    if (metadata.fingerprint, metadata.model, metadata.part) != (fingerprint, model, part):
        raise RefusedError(
            f"version {version} of {metadata.model} has fingerprint {metadata.fingerprint}",
            where=storage_of(models).where(line, version),
            allowed=f"fingerprint {fingerprint} of {model}, as the prediction says",
        )
    return _loaded(models, version, metadata)


def sha256(data: bytes) -> str:
    """In hex."""
    return hashlib.sha256(data).hexdigest()


def _load(models: Models, plan: ModelPlan, version: str, part: str | None) -> LoadedModel:
    line = line_of(plan.name, part)
    metadata = read_metadata(models, line, version)
    _check_plan(metadata, plan, part, storage_of(models).where(line, version))
    return _loaded(models, version, metadata)


def versions_before(models: Models, model: str) -> list[str]:
    """The versions that were trained with --before, of all parts. Raises PenstockError for one that is not what was
    written.
    """
    lines = [model, *(line_of(model, part) for part in parts_of(models, model))]
    names = ((line, name) for line in lines for name in version_names(models, line))
    return [name for line, name in names if read_metadata(models, line, name).before]


def read_metadata(models: Models, model: str, version: str) -> Metadata:
    """What is known of a version. Raises PenstockError for one that is not what was written."""
    described, where = _read(models, model, version, METADATA), storage_of(models).where(model, version, METADATA)
    if not version.endswith(sha256(described)[:_DIGITS]):
        raise _changed(METADATA, where)
    return _metadata(where, described)


def _loaded(models: Models, version: str, metadata: Metadata) -> LoadedModel:
    file, line = FILES[metadata.written_in], line_of(metadata.model, metadata.part)
    model, where = _read(models, line, version, file), storage_of(models).where(line, version, file)
    if sha256(model) != metadata.model_sha256:
        raise _changed(file, where)
    predictor = predictor_of(metadata, model, where)
    return LoadedModel(metadata.model, version, metadata.fingerprint, metadata, models, predictor)


def read_counts(models: Models, model: str, version: str) -> bytes | None:
    """What a version was trained on, in its own bins; None where it has no counts. Raises PenstockError for files that
    are not what was written.
    """
    metadata = read_metadata(models, model, version)
    if metadata.counts_sha256 is None:
        return None
    counts = _read(models, model, version, COUNTS)
    if sha256(counts) != metadata.counts_sha256:
        raise _changed(COUNTS, storage_of(models).where(model, version, COUNTS))
    return counts


def predictor_of(metadata: Metadata, model: bytes, where: str) -> Trees | OnnxModel:
    """What answers for a model's bytes. Raises PenstockError for a model that it does not take; UsageError without
    onnxruntime.
    """
    if metadata.written_in == LIGHTGBM:
        return Trees(_booster(where, model, metadata))
    try:
        from penstock.jobs.models.onnx_model import OnnxModel  # onnxruntime is an extra
    except ModuleNotFoundError:
        raise UsageError(
            "onnxruntime is not installed, which answers for a model in ONNX",
            where=where,
            hint="pip install 'penstock[onnx]'",
        ) from None
    return OnnxModel(model, len(entries_of(metadata.features)), max(1, len(metadata.outputs)), where)


def _read(models: Models, *names: str) -> bytes:
    try:
        return storage_of(models).read(*names)
    except OSError as error:
        raise PenstockError(
            f"the model's version is not whole: {error.strerror or error}",
            where=storage_of(models).where(*names),
            hint=_TRAIN_AGAIN,
        ) from None


def _metadata(where: str, described: bytes) -> Metadata:
    try:
        return Metadata.model_validate_json(described)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise PenstockError(
            f"the model's metadata cannot be read: {place}: {first['msg']}", where=where, hint=_TRAIN_AGAIN
        ) from None


def _check_plan(metadata: Metadata, plan: ModelPlan, part: str | None, where: str) -> None:
    if metadata.fingerprint != plan.fingerprint or metadata.model != plan.name:
        raise RefusedError(
            f"model {metadata.model} was trained for another definition: fingerprint {metadata.fingerprint}",
            where=where,
            allowed=f"fingerprint {plan.fingerprint}",
            hint=f"run 'penstock training-set {plan.name}' and 'penstock train {plan.name}' again",
        )
    if metadata.part != part:
        words = ["the rest" if each is None else repr(each) for each in (metadata.part, part)]
        raise RefusedError(f"the version is for {words[0]}, not for {words[1]}", where=where)
    wanted = tuple((item.name, item.type) for item in plan.vector)
    if metadata.format != FORMAT or metadata.features != wanted:
        raise PenstockError("the model's features are not those of its plan", where=where, hint=_TRAIN_AGAIN)


def _booster(where: str, model: bytes, metadata: Metadata) -> lgb.Booster:
    # LightGBM ends the process for a text whose parts are not as long as it says
    text = read_text(model, where).text
    try:
        booster = lgb.Booster(model_str=text)
    except lgb.basic.LightGBMError as error:
        raise PenstockError(f"LightGBM cannot read the model: {error}", where=where, hint=_TRAIN_AGAIN) from None
    entries = len(entries_of(metadata.features))
    if booster.num_feature() != entries:
        raise PenstockError(f"the model takes {booster.num_feature()} features, not {entries}", where=where)
    if booster.num_model_per_iteration() != max(1, len(metadata.outputs)):
        raise PenstockError(
            f"the model gives {booster.num_model_per_iteration()} numbers, not {max(1, len(metadata.outputs))}",
            where=where,
        )
    return booster


_TRAIN_AGAIN = "run 'penstock train' again, or point 'current' to another version"


def _changed(file: str, where: str) -> PenstockError:
    return PenstockError(f"{file} is not what was written", where=where, hint=_TRAIN_AGAIN)
