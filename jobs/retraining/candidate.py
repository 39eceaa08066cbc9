"""A candidate: trees learned from matured rows, compared with the current version on newer ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pyarrow as pa

from penstock.features.errors import UsageError
from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.ledger.arrays import label_array
from penstock.jobs.models.arrays import values_of
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.models.storage.storage import Models
from penstock.jobs.quality.comparison import Comparison, comparison, main_loss
from penstock.jobs.training.enough import insist
from penstock.jobs.training.examples import Doubles, Examples, TrainingSet, examples_of
from penstock.jobs.training.fit import fit
from penstock.jobs.training.losses import losses_of
from penstock.jobs.training.metrics import Metrics
from penstock.jobs.training.parameters import Parameters, parameters_of
from penstock.jobs.training.train import baseline_of, measured, named, outputs_of, rising, saved

#: LightGBM finds the leaves of these by medians or quantiles of rows, which its refit does not do.
_NOT_REFITTED = ("l1", "quantile", "quantiles")


@dataclass(frozen=True)
class Candidate:
    """``comparison``: with the current version on the newest rows, the candidate second; ``learned`` and ``newest``:
    their rows.
    """

    booster: lgb.Booster
    held: TrainingSet
    learned: Examples
    newest: Examples
    spans: tuple[Span, Span]
    parameters: Parameters
    metrics: Metrics
    comparison: Comparison

    @property
    def better(self) -> bool:
        """Is its error less than the current version's, by the bound?"""
        return self.comparison.better == self.comparison.second


#: What a candidate is called in a comparison: it has no name until it is saved.
CANDIDATE = "candidate"


def check_refit(plan: ModelPlan, current: LoadedModel) -> None:
    """Raises UsageError where LightGBM cannot refit the current version."""
    if plan.objective.name in _NOT_REFITTED:
        raise UsageError(
            f"LightGBM cannot refit trees of objective {plan.objective.name!r}: their leaves are quantiles of rows",
            where="--refit",
            allowed="any objective but " + ", ".join(_NOT_REFITTED),
            hint="without --refit a whole model is trained",
        )
    _ = current.booster  # a model that is not LightGBM's is refused


def candidate(
    plan: ModelPlan, table: pa.Table, where: Path, current: LoadedModel, spans: tuple[Span, Span], *, refit: bool
) -> Candidate:
    """Learned from the rows of the first span, compared on those of the second. ``table``: columns ``t``, ``label`` and
    the vector's. ``refit``: the current version's trees, with leaves that these rows renew.

    Raises UsageError for rows from which nothing can be learned.
    """
    metadata = current.metadata
    known = metadata.categories if refit else None
    held = examples_of(table, where, plan, *spans, known)
    learned, newest = held.examples.between(spans[0]), held.examples.between(spans[1])
    own = metadata.parameters if metadata.imported is None else parameters_of(plan, {}, 1)
    told: Parameters = {**own, **({"num_class": len(held.classes)} if held.classes else {})}
    insist(where, plan, told, {spans[0]: learned, spans[1]: newest}, held.classes)
    booster = current.booster.refit(learned.matrix, learned.label) if refit else fit(plan, learned, told)
    answers = _answers(plan, booster, newest)
    found = _compared(plan, table, current, answers, newest, outputs_of(plan, held), spans[1])
    metrics = measured(plan, answers, newest)
    return Candidate(booster, held, learned, newest, spans, told, metrics, found)


def _answers(plan: ModelPlan, booster: lgb.Booster, examples: Examples) -> Doubles:
    answers: Doubles = np.asarray(booster.predict(examples.matrix, num_threads=1))
    return np.sort(answers, axis=1) if rising(plan) else answers


def _compared(
    plan: ModelPlan,
    table: pa.Table,
    current: LoadedModel,
    answers: Doubles,
    newest: Examples,
    outputs: tuple[str, ...],
    span: Span,
) -> Comparison:
    """On the same rows; each version knows its own classes."""
    t, known = np.asarray(table["t"]), np.asarray(table["label"].is_valid())
    rows = table.filter(pa.array((t >= span.from_ms) & (t < span.to_ms) & known))
    labels = rows["label"].to_pylist()
    name = main_loss(plan.objective)
    columns = {item.name: values_of(item.type, rows[item.name]) for item in plan.vector}
    first = losses_of(plan.objective, current.predict(columns), label_array(plan, current.metadata.outputs, labels))
    second = losses_of(plan.objective, answers, label_array(plan, outputs, labels))
    return comparison((current.version, CANDIDATE), name, first[name], second[name], np.asarray(rows["t"]))


def keep(plan: ModelPlan, models: Models, found: Candidate) -> str:
    """Writes the candidate as a version, which is not the current one yet. Returns its name."""
    baseline = baseline_of(plan, found.held, found.learned, found.newest)
    on_trained = measured(plan, _answers(plan, found.booster, found.learned), found.learned)
    figures = {**found.metrics, **named("baseline", baseline), **named("trained", on_trained)}
    trained, evaluated = found.spans
    return saved(
        plan,
        models,
        found.booster,
        replace(found.held, before=False),
        found.learned,
        (found.learned.range(trained), found.newest.range(evaluated)),
        figures,
        found.parameters,
        current=False,
    )
