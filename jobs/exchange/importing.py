"""``penstock model import``: a model that was trained elsewhere becomes a version, once it has been held against its
plan and its training set.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np

from penstock.features.errors import UsageError, did_you_mean
from penstock.features.objectives import CLASSES, PROBABILITY, SCORE
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.models.arrays import entries_of
from penstock.jobs.models.folder import (
    FORMAT,
    LIGHTGBM,
    ONNX,
    Metadata,
    Range,
    WrittenIn,
    predictor_of,
    save,
    sha256,
)
from penstock.jobs.models.lightgbm_text import FIRST, LightGBMText, read_text
from penstock.jobs.models.storage.durable import read
from penstock.jobs.models.storage.storage import Models
from penstock.jobs.models.trees import Trees
from penstock.jobs.training.examples import Doubles, Examples, TrainingSet, learned_label, read_examples
from penstock.jobs.training.metrics import Metrics, main_metric
from penstock.jobs.training.train import baseline_of, measured, named, outputs_of, rising

if TYPE_CHECKING:
    from penstock.jobs.models.onnx_model import OnnxModel

Categories = dict[str, tuple[str, ...]]

#: LightGBM's objectives for answers that are no plain numbers.
_OBJECTIVES = {
    PROBABILITY: ("binary", "cross_entropy"),
    CLASSES: ("multiclass", "multiclassova"),
    SCORE: ("lambdarank", "rank_xendcg"),
}
_OF_OTHERS = {name for names in _OBJECTIVES.values() for name in names}
#: How far the probabilities of a float tensor may be from 1 in all.
_NEAR = 1e-3
#: How files begin that other programs write, and what to do with them.
_OTHERS = {
    b"\x80": ("a pickle, and nothing is unpickled", "save LightGBM with booster.save_model(), others in ONNX"),
    b"PK": ("an archive", "torch.onnx.export() writes a PyTorch model in ONNX"),
    b"{": ("JSON", "onnxmltools.convert_xgboost() writes an XGBoost model in ONNX"),
}


@dataclass(frozen=True)
class ImportReport:
    """A version and how good it is on the evaluated rows, by metric. ``baseline``: the same of the best constant for
    the labels of the trained range.
    """

    model: str
    version: str
    runtime: str
    main: str
    evaluated_rows: int
    metrics: Metrics
    baseline: Metrics

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        main = self.main
        return (
            f"{self.model} {self.version}, answered by {self.runtime}: {main} {self.metrics[main]:.6g} on "
            f"{self.evaluated_rows:,} rows (the best constant: {self.baseline[main]:.6g})"
        )


def import_model(
    file: Path,
    plan: ModelPlan,
    models: Models,
    data: Path,
    trained: Span,
    evaluated: Span,
    categories: Path | None = None,
    part: str | None = None,
) -> ImportReport:
    """Makes a file the current version of the model. ``data``: the training set that it was made from; ``trained``:
    the range that it learned; ``categories``: a JSON file, text feature → its texts in the order of their codes, for a
    model that does not hold them itself; ``part``: of a model with ``by=``, the value that it is for.

    Raises UsageError for a file that is no whole model, is not of the plan's features, or does not answer as the
    objective does, and what ``read_examples`` raises.
    """
    model, where = _bytes(file), str(file)
    learned_label(plan)
    written_in = _written_in(model, where)
    text = read_text(model, where) if written_in == LIGHTGBM else None
    if text is not None:
        _check_names(plan, text.names, where)
    known = _categories(plan, text, categories, where)
    held = read_examples(data, plan, trained, evaluated, known)
    rows = held.examples.of_part(part)
    learned, tested = rows.between(trained), rows.between(evaluated)
    _insist(plan, learned, tested, data)
    unmeasured = _metadata(plan, held, known, (learned.range(trained), tested.range(evaluated)))
    metadata = unmeasured.model_copy(
        update={"written_in": written_in, "imported": file.name, "part": part, "model_sha256": sha256(model)}
    )
    if text is not None:
        _check_objective(plan, text, metadata.outputs, where)
    predictor = predictor_of(metadata, model, where)
    answers = _answers(plan, predictor, tested, where)
    metrics = measured(plan, np.sort(answers, axis=1) if metadata.rising else answers, tested)
    baseline = baseline_of(plan, held, learned, tested)
    figures, libraries = {**metrics, **named("baseline", baseline)}, _libraries(written_in, predictor.runtime)
    version = save(models, metadata.model_copy(update={"metrics": figures, "libraries": libraries}), model)
    main = main_metric(plan.objective)
    return ImportReport(plan.name, version, predictor.runtime, main, len(tested.t), metrics, baseline)


def _metadata(plan: ModelPlan, held: TrainingSet, known: Categories, ranges: tuple[Range, Range]) -> Metadata:
    """What the plan and the training set say of the version."""
    return Metadata(
        format=FORMAT,
        model=plan.name,
        fingerprint=plan.fingerprint,
        features=tuple((item.name, item.type) for item in plan.vector),
        categories=known,
        label=learned_label(plan),
        before=held.before,
        answer=plan.objective.answer,
        outputs=outputs_of(plan, held),
        rising=rising(plan),
        trained=ranges[0],
        evaluated=ranges[1],
        metrics={},
        parameters={},
        libraries={},
        created=datetime.now(UTC),
        model_sha256="",
    )


def _bytes(file: Path) -> bytes:
    try:
        return read(file)
    except OSError as error:
        raise UsageError(f"the model cannot be read: {error.strerror}", where=str(file)) from None


def _libraries(written_in: WrittenIn, runtime: str) -> dict[str, str]:
    library, _, version = runtime.partition(" ")
    own = {"lightgbm": str(lgb.__version__)} if written_in == LIGHTGBM else {library: version}
    return {**own, "numpy": np.__version__, "python": platform.python_version()}


def _written_in(model: bytes, where: str) -> WrittenIn:
    if model.startswith(FIRST):
        return LIGHTGBM
    for start, (kind, hint) in _OTHERS.items():
        if model.startswith(start):
            raise UsageError(f"the file is {kind}", where=where, allowed=_ALLOWED, hint=hint)
    if where.endswith(".onnx"):
        return ONNX
    raise UsageError("the file is no model", where=where, allowed=_ALLOWED)


_ALLOWED = "a text model of LightGBM, or a file NAME.onnx"


def _entries(plan: ModelPlan) -> list[tuple[str, str]]:
    """Name and type of each number that a model reads."""
    return entries_of([(item.name, item.type) for item in plan.vector])


def _check_objective(plan: ModelPlan, text: LightGBMText, outputs: Sequence[str], where: str) -> None:
    answer = plan.objective.answer
    if text.outputs != max(1, len(outputs)):
        raise UsageError(
            f"the model answers with {text.outputs} numbers, and {plan.name} with {max(1, len(outputs))}",
            where=where,
            allowed=f"the classes {', '.join(outputs)}, in this order" if answer == CLASSES else None,
        )
    learned = text.objective.partition(" ")[0]
    if learned not in _OBJECTIVES[answer] if answer in _OBJECTIVES else learned in _OF_OTHERS:
        raise UsageError(
            f"the model's objective is {learned or 'its own'}, and the answer of {plan.name} has the form {answer}",
            where=where,
            allowed=f"a model that was trained for objective {plan.objective.name!r}",
        )


def _check_names(plan: ModelPlan, names: Sequence[str], where: str) -> None:
    wanted = [name for name, _ in _entries(plan)]
    for name in wanted:
        if name not in names:
            raise UsageError(f"the model lacks the feature {name}", where=where, hint=did_you_mean(name, names))
    for name in names:
        if name not in wanted:
            raise UsageError(
                f"the model reads {name}, which is no feature of {plan.name}",
                where=where,
                hint=did_you_mean(name, wanted),
            )
    for place, (name, fits) in enumerate(zip(names, wanted, strict=True), 1):
        if name != fits:
            raise UsageError(
                f"the model's features have another order: number {place} is {name}, not {fits}",
                where=where,
                allowed=f"the order of the training set: {', '.join(wanted)}",
            )


def _categories(plan: ModelPlan, text: LightGBMText | None, given: Path | None, where: str) -> Categories:
    """The texts of each text feature, in the order of their codes."""
    names = [item.name for item in plan.vector if item.type == "string"]
    own = None if text is None else text.pandas_categories
    if own and given is not None:
        raise UsageError("the model holds its categories itself", where=f"--categories {given}", allowed=where)
    lists = _listed(given) if given is not None else dict(zip(names, own or [], strict=False))
    where = where if given is None else str(given)
    if own and len(own) != len(names):
        raise UsageError(
            f"the model has {len(own)} category columns, and {plan.name} has {len(names)} text features",
            where=where,
            allowed=f"dtype category for {', '.join(names) or 'no column'}",
        )
    if set(lists) != set(names):
        raise UsageError(
            f"{plan.name} has other text features: {', '.join(sorted(set(names) ^ set(lists)))}",
            where=where,
            allowed=f"the texts of {', '.join(names)}, in the order of their codes" if names else "none",
            hint="train on a DataFrame whose text columns have dtype category, or give --categories FILE",
        )
    for name, texts in lists.items():
        _check_texts(name, texts, where)
    if text is not None:
        _check_codes(plan, text, lists, where)
    return {name: tuple(lists[name]) for name in names}


def _check_texts(name: str, texts: Any, where: str) -> None:
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts) or len(set(texts)) < len(texts):
        raise UsageError(
            f"the categories of {name} are not texts",
            where=where,
            allowed="a list of texts, each once",
            hint=_BY_COLUMN,
        )


_BY_COLUMN = "of a DataFrame, only the text columns may have dtype category"


def _check_codes(plan: ModelPlan, text: LightGBMText, lists: Mapping[str, Sequence[str]], where: str) -> None:
    for feature, code in text.greatest_codes.items():
        name, _ = _entries(plan)[feature]
        if name in lists and code >= len(lists[name]):
            raise UsageError(
                f"the model asks {name} for category {code}, and it has {len(lists[name])}, from 0 on",
                where=where,
                allowed="the categories with which the model was trained",
            )


def _listed(file: Path) -> dict[str, Any]:
    try:
        lists = json.loads(_bytes(file))
    except ValueError as error:
        raise UsageError(f"the categories are not JSON: {error}", where=str(file)) from None
    if not isinstance(lists, dict):
        raise UsageError("the categories are no JSON object", where=str(file), allowed='{"feature": ["text", …]}')
    return lists


def _insist(plan: ModelPlan, learned: Examples, tested: Examples, data: Path) -> None:
    for words, examples in (("trained", learned), ("evaluated", tested)):
        if not len(examples.t) or not examples.weight.sum() > 0:
            raise UsageError(f"the {words} range has no labelled row of {plan.name}", where=str(data))


def _answers(plan: ModelPlan, predictor: Trees | OnnxModel, tested: Examples, where: str) -> Doubles:
    """The model's answers to the evaluated rows. Raises UsageError for what the objective cannot mean."""
    answers = predictor.predict(tested.matrix)
    if not isinstance(predictor, Trees) and predictor.width == 2 and plan.objective.answer != PROBABILITY:
        raise UsageError(
            f"the model answers with 2 numbers, and {plan.name} with one {plan.objective.answer}", where=where
        )
    wrong = ~np.isfinite(answers).reshape(len(answers), -1).all(axis=1)
    if wrong.any():
        row = tested.matrix[int(np.argmax(wrong))]
        nulls = [name for (name, _), value in zip(_entries(plan), row, strict=True) if np.isnan(value)]
        raise UsageError(
            f"the model has no answer to {int(wrong.sum()):,} of {len(answers):,} rows"
            f"{f'; in the first of them {chr(44).join(nulls)} is null' if nulls else ''}",
            where=where,
            allowed="a finite number for each row",
            hint="a null is NaN: let the model itself replace it, as an imputer in its pipeline does"
            if nulls
            else None,
        )
    _check_probabilities(plan, answers, where)
    return answers


def _check_probabilities(plan: ModelPlan, answers: Doubles, where: str) -> None:
    outside = ((answers < 0) | (answers > 1)).reshape(len(answers), -1)
    if plan.objective.answer in (PROBABILITY, CLASSES) and outside.any():
        first = answers.reshape(outside.shape)[outside][0]
        raise UsageError(f"an answer of the model is {first:g}", where=where, allowed="probabilities, from 0 to 1")
    if plan.objective.answer == CLASSES and (np.abs(answers.sum(axis=1) - 1) > _NEAR).any():
        raise UsageError("the model's probabilities do not add up to 1", where=where, allowed="a softmax at its end")
