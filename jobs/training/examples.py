"""The labelled rows of a training set, as LightGBM takes them, checked against what the objective learns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.features.errors import RefusedError, UsageError
from penstock.features.objectives import CLASSES, PROBABILITY, label_hint
from penstock.features.plan import LabelPlan, ModelPlan
from penstock.features.span import Span
from penstock.features.vector import Mask, Values
from penstock.jobs.batch.parts import BEFORE, FINGERPRINT, FROM, TO
from penstock.jobs.console.times import range_words
from penstock.jobs.models.arrays import Matrix, matrix, values_of
from penstock.jobs.models.folder import Range
from penstock.jobs.models.lines import part_text
from penstock.jobs.parquet.checksums import check_files

Doubles = npt.NDArray[np.float64]

#: Classes at most.
MOST_CLASSES = 1_000


@dataclass(frozen=True)
class Examples:
    """n labelled rows: ``matrix`` (n, features), ``label`` (n,), ``weight`` (n,) and ``t`` (n,), milliseconds.

    The label of a class is its place among the classes of the training set, or their number where it is none of them.
    ``group`` (n,): of a ranking a number for each group; None otherwise. ``part`` (n,): of a model with ``by=`` the
    text of each row's value, None for null; None for other models.
    """

    matrix: Matrix
    label: Doubles
    weight: Doubles
    t: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64] | None = None
    part: npt.NDArray[np.object_] | None = None

    def between(self, span: Span) -> Examples:
        """Those with ``span.from_ms <= t < span.to_ms``."""
        return self.at(np.flatnonzero((self.t >= span.from_ms) & (self.t < span.to_ms)))

    def at(self, rows: npt.NDArray[np.int64]) -> Examples:
        """Those at these places, in their order."""
        group = None if self.group is None else self.group[rows]
        part = None if self.part is None else self.part[rows]
        return Examples(self.matrix[rows], self.label[rows], self.weight[rows], self.t[rows], group, part)

    def of_part(self, part: str | None) -> Examples:
        """Those of a part; all for the rest (None): its version answers whatever has none of its own."""
        if part is None or self.part is None:
            return self
        return self.at(np.flatnonzero(self.part == part))

    def range(self, span: Span) -> Range:
        """The range with its rows."""
        return Range(from_ms=span.from_ms, to_ms=span.to_ms, rows=len(self.t))


@dataclass(frozen=True)
class TrainingSet:
    """``categories``: of each text feature, those of the trained range; ``before``: was it made with --before?
    ``classes``: the labels of the trained range, sorted and as text, where the model tells classes apart.
    """

    examples: Examples
    categories: dict[str, tuple[str, ...]]
    before: bool
    classes: tuple[str, ...] = ()


def read_examples(
    file: Path,
    plan: ModelPlan,
    trained: Span,
    evaluated: Span,
    categories: Mapping[str, tuple[str, ...]] | None = None,
) -> TrainingSet:
    """The rows of both ranges. ``categories``: those of a model that is there; of the trained range unless given.

    Raises UsageError without the file, for a range beyond it, and for labels and weights that cannot be learned;
    RefusedError for a training set of another definition.
    """
    return examples_of(_read(file, plan, trained, evaluated), file, plan, trained, evaluated, categories)


def examples_of(
    table: pa.Table,
    file: Path,
    plan: ModelPlan,
    trained: Span,
    evaluated: Span,
    categories: Mapping[str, tuple[str, ...]] | None = None,
) -> TrainingSet:
    """The same of a table with the columns of a training set. ``file``: where it is from, for errors."""
    columns = {item.name: values_of(item.type, table[item.name]) for item in plan.vector}
    times = np.asarray(table["t"])
    known = _categories(columns, times, trained) if categories is None else dict(categories)
    label = values_of(learned_label(plan).type, table["label"])
    wanted = ~label.null & (times >= min(trained[0], evaluated[0])) & (times < max(trained[1], evaluated[1]))
    numbers, classes = _learned(file, plan, label, (times >= trained.from_ms) & (times < trained.to_ms))
    _check_labels(file, plan, numbers[wanted])
    filled = matrix([(item.name, item.type) for item in plan.vector], known, columns)
    weight = _weights(file, plan, table, wanted)
    group = _groups(file, plan, table, wanted)
    examples = Examples(filled[wanted], numbers[wanted], weight, times[wanted], group, _parts(plan, table, wanted))
    return TrainingSet(examples, known, (table.schema.metadata or {}).get(BEFORE) == b"true", classes)


def learned_label(plan: ModelPlan) -> LabelPlan:
    """The label, of a type that the objective learns. Raises UsageError for any other, and without one."""
    if plan.label is None:
        raise UsageError(f"{plan.name} has no label to learn", where=plan.name, allowed="label=, a column of a stream")
    if plan.label.type not in plan.objective.labels:
        raise UsageError(
            f"objective {plan.objective.name!r} does not learn {plan.label.words}, which is {plan.label.type}",
            where=plan.name,
            allowed=f"a label of type {' '.join(plan.objective.labels)}",
            hint=label_hint(plan.label.type),
        )
    return plan.label


def _read(file: Path, plan: ModelPlan, trained: Span, evaluated: Span) -> pa.Table:
    again = f"run 'penstock training-set {plan.name}'"
    if not file.exists():
        raise UsageError(f"{plan.name} has no training set", where=str(file), hint=f"{again} first")
    check_files([file])
    found = pq.read_schema(file).metadata or {}
    fingerprint = found.get(FINGERPRINT, b"").decode()
    if fingerprint != plan.fingerprint:
        raise RefusedError(
            f"the training set of {plan.name} was made by another definition: {fingerprint or 'no fingerprint'}",
            where=str(file),
            allowed=plan.fingerprint,
            hint=f"{again} again",
        )
    if BEFORE not in found:
        raise UsageError(
            f"the training set of {plan.name} does not say whether it was made with --before",
            where=str(file),
            hint=f"an earlier version made it: {again} again",
        )
    _check_spans(file, Span(int(found[FROM]), int(found[TO])), trained, evaluated)
    more = [item.name for item in (plan.weight, plan.group, plan.part) if item is not None]
    names = ["t", "label", *more, *(item.name for item in plan.vector)]
    return pq.read_table(file, partitioning=None, columns=names)


def _check_spans(file: Path, covered: Span, trained: Span, evaluated: Span) -> None:
    for what, span in (("training", trained), ("evaluation", evaluated)):
        if span.from_ms >= span.to_ms:
            raise UsageError(
                f"the {what} range {range_words(span)} is empty", allowed="--from before --to before --until"
            )
        if span.from_ms < covered.from_ms or span.to_ms > covered.to_ms:
            raise UsageError(
                f"the {what} range {range_words(span)} is not in the training set",
                where=str(file),
                allowed=f"times within {range_words(covered)}",
                hint="run 'penstock training-set' over all of it",
            )


def _categories(columns: Mapping[str, Values], t: npt.NDArray[np.int64], trained: Span) -> dict[str, tuple[str, ...]]:
    """The strings of each string feature in the trained range, sorted: others are unseen, now and when serving."""
    seen = (t >= trained[0]) & (t < trained[1])
    return {
        name: tuple(sorted(set(column.values[seen & ~column.null].tolist())))
        for name, column in columns.items()
        if column.type == "string"
    }


def _learned(file: Path, plan: ModelPlan, label: Values, trained: Mask) -> tuple[Doubles, tuple[str, ...]]:
    """The labels as numbers; those of classes as their places among the classes of the trained range, which are told,
    too: as text, in the order of the labels. Raises UsageError for more classes than ``MOST_CLASSES``.
    """
    if plan.objective.answer != CLASSES:
        return label.values.astype(np.float64), ()
    classes = sorted(set(label.values[trained & ~label.null].tolist()))
    if len(classes) > MOST_CLASSES:
        raise UsageError(
            f"the label of {plan.name} has {len(classes):,} classes in the trained range",
            where=str(file),
            allowed=f"at most {MOST_CLASSES:,}: each has trees of its own",
            hint="a label that is nearly always another one is an id, and nothing to learn",
        )
    places = {value: place for place, value in enumerate(classes)}
    numbers = np.fromiter((places.get(value, len(classes)) for value in label.tolist()), np.float64, len(label))
    return numbers, tuple(json_key(value) for value in classes)


def json_key(value: str | int | bool) -> str:
    """A class as the name of a field in JSON: a text as it is, a bool or an int64 as JSON writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_labels(file: Path, plan: ModelPlan, label: Doubles) -> None:
    """Raises UsageError for labels that no model can learn, and for those that its objective does not allow."""
    wrong, allowed = ~np.isfinite(label), "finite numbers"
    least, most = plan.objective.least, plan.objective.most
    if not wrong.any() and least is not None:
        wrong, allowed = label < least, f"numbers from {least:g} on"
    if not wrong.any() and most is not None:
        wrong, allowed = label > most, f"grades from {least or 0:g} to {most:g}"
    if not wrong.any() and plan.objective.answer == PROBABILITY:
        wrong, allowed = (label != 0) & (label != 1), "true and false, or 1 and 0"
    if wrong.any():
        raise UsageError(
            f"{int(wrong.sum()):,} labels of {plan.name} cannot be learned with objective {plan.objective.name!r}, the "
            f"first is {label[np.argmax(wrong)]:g}",
            where=str(file),
            allowed=allowed,
        )


def _weights(file: Path, plan: ModelPlan, table: pa.Table, wanted: Mask) -> Doubles:
    if plan.weight is None:
        return np.ones(int(wanted.sum()))
    weight = values_of(plan.weight.type, table[plan.weight.name])
    numbers = np.where(weight.null, np.nan, weight.values.astype(np.float64))[wanted]
    wrong = ~np.isfinite(numbers) | (numbers < 0)
    if wrong.any():
        first = numbers[np.argmax(wrong)]
        raise UsageError(
            f"{int(wrong.sum()):,} weights of {plan.name} are no weights, the first is "
            f"{'null or NaN' if np.isnan(first) else f'{first:g}'}",
            where=str(file),
            allowed="finite numbers from 0 on",
            hint="coalesce() gives a null a weight; filter= leaves a row out",
        )
    return numbers


def _groups(file: Path, plan: ModelPlan, table: pa.Table, wanted: Mask) -> npt.NDArray[np.int64] | None:
    """Of each row the number of its group."""
    if plan.group is None:
        return None
    group = values_of(plan.group.type, table[plan.group.name])
    if (group.null & wanted).any():
        raise UsageError(
            f"{int((group.null & wanted).sum()):,} rows of {plan.name} have no group",
            where=str(file),
            allowed="a group for each row with a label",
            hint="filter= leaves a row out; coalesce() gives a null a group",
        )
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in group.values[wanted].tolist()], np.int64)


def _parts(plan: ModelPlan, table: pa.Table, wanted: Mask) -> npt.NDArray[np.object_] | None:
    """The text of each row's part."""
    if plan.part is None:
        return None
    column = values_of(plan.part.type, table[plan.part.name])
    texts = np.empty(len(column), dtype=object)
    texts[:] = [part_text(value) for value in column.tolist()]
    return texts[wanted]
