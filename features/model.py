"""Models: a vector of inputs for each event of a stream, and the label to learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.features.canonical import canonical_json
from penstock.features.durations import parse_duration
from penstock.features.errors import DefinitionError, Mistakes, for_each
from penstock.features.expressions import Expr
from penstock.features.feature import Feature
from penstock.features.inputs import Input, Read, check_known
from penstock.features.location import caller
from penstock.features.names import check_distinct, check_name, check_topic, unknown
from penstock.features.objectives import L1, OBJECTIVES, SCORE, Objective, label_hint, objective_of
from penstock.features.plan import InputPlan, LabelPlan, ModelPlan, VectorItem
from penstock.features.sources import Source, Stream
from penstock.features.types import NUMBERS, TYPES
from penstock.features.union import Union

#: The columns of a training set beside the vector.
TRAINING_SET = ("id", "t", "label")
#: The types that a model can learn, unless its objective says others.
LABELS = (*NUMBERS, "bool")
#: Those that name a group of requests.
GROUPS = ("string", "int64")
#: Those of a column each of whose values has versions of its own.
PARTS = ("string", "int64", "bool")


def _check_unchanging(name: str, on: Stream) -> None:
    if on.op is not None:
        raise DefinitionError(
            f"{name} answers the events of {on.name}, which change",
            where=caller(),
            allowed="on= a stream without op=: a request is answered once",
            hint="define a second Stream of the inserts",
        )


def _check_monotone(objective: Objective, monotone: Mapping[str, int], vector: Sequence[VectorItem]) -> None:
    if monotone and not objective.monotone:
        raise DefinitionError(
            f"LightGBM has no monotone= with objective {objective.name!r}",
            where=caller(),
            allowed=", ".join(name for name, each in OBJECTIVES.items() if each.monotone),
        )
    types = {item.name: item.type for item in vector}
    for name, direction in monotone.items():
        if name not in types:
            raise unknown("monotone=", name, list(types))
        if types[name] not in TYPES or types[name] == "string" or direction not in (1, -1):
            raise DefinitionError(
                f"monotone= of {name}, which is {types[name]}, is {direction!r}",
                where=caller(),
                allowed="1 (rises with it) or -1 (falls with it), for a feature that is one value and not text",
            )


def _check_group(objective: Objective, group: object) -> None:
    if (objective.answer == SCORE) == (group is not None):
        return
    given = f"group= with objective {objective.name!r}, which ranks nothing"
    raise DefinitionError(
        f"objective {objective.name!r} without group=" if group is None else given,
        where=caller(),
        allowed="objective='ranking' and group=, the column that says which requests are ranked together",
    )


def _label_form(label: object) -> str | None:
    """The hint for an aggregate where a label is wanted."""
    if isinstance(label, Feature):
        return "name it in a Future(…, features=dict(name=aggregate)): label=future.name_7d"
    if isinstance(label, Read):
        return f"name one of its features: label={label.name}.{label.plan.features[0].name}"
    return None


def _check_type(label: Expr, objective: Objective | None) -> None:
    """``objective``: None where the definition names none."""
    types = LABELS if objective is None else objective.labels
    if label.type not in types:
        learned = "" if objective is None else f", which objective {objective.name!r} does not learn"
        raise DefinitionError(
            f"the label {f'{label.name} ' if label.op == 'column' else ''}is {label.type}{learned}",
            where=caller(),
            allowed=f"a column or an expression of type {' '.join(types)}",
            hint=label_hint(label.type),
        )


class Model:
    """One prediction for each event of a stream.

    ``inputs``, in the order of the model's vector: columns of ``on``, views and tables (``.at(key="column")``
    to look them up by other columns), or single features. ``derived``: name → expression over columns of
    ``on`` and features, placed after the inputs. ``label``: a column of a stream with the same id, or an
    expression over columns of one or over features of a ``Future``. ``maturity``: the label's event comes at most
    so long after the request, as in ``"14d"``.

    ``by``: a column of ``on``. Each of its values may have versions of its own; others are answered by those of the
    rest.

    For training: ``objective``, ``"l1"`` unless given; ``weight`` (a number), ``filter`` (a bool) and of a ranking
    ``group`` (text or an int64: which requests are ranked together), expressions like those of ``derived``;
    ``parameters`` of LightGBM; ``monotone``, name of a number in the vector → 1 or -1.
    """

    def __init__(
        self,
        name: str,
        *,
        on: Stream,
        inputs: Sequence[object],
        output: str,
        label: Expr | None = None,
        maturity: str | None = None,
        derived: Mapping[str, Expr] | None = None,
        objective: Objective | str | None = None,
        weight: Expr | None = None,
        filter: Expr | None = None,
        group: Expr | None = None,
        parameters: Mapping[str, str | int | float | bool] | None = None,
        monotone: Mapping[str, int] | None = None,
        by: str | None = None,
    ) -> None:
        mistakes = Mistakes()
        with mistakes.caught():
            check_name(name, "model")
        if not isinstance(on, Stream):
            # without its columns nothing more can be said
            mistakes.found.append(DefinitionError(f"{name}: on= is not a stream", where=caller(), allowed="a Stream"))
            mistakes.raise_found()
        with mistakes.caught():
            _check_unchanging(name, on)
        with mistakes.caught():
            self._check_output(name, on, output)
        self.name, self.on, self.output = name, on, output
        self._label_owner: Source | Union | None = None
        vector: list[VectorItem] = []
        views: dict[str, Input] = {}
        for item in inputs:
            with mistakes.caught():
                vector += self._vector(item, views)
        for derived_name, expr in (derived or {}).items():
            with mistakes.caught():
                vector.append(self._derived(derived_name, expr, views))
        extra: dict[str, VectorItem] = {}
        extras = (("weight", weight, NUMBERS), ("filter", filter, ("bool",)), ("group", group, GROUPS))
        for extra_name, given, types in extras:
            with mistakes.caught():
                extra |= self._extra(extra_name, given, types, views)
        with mistakes.caught():
            extra |= self._part(by)
        with mistakes.caught():
            input_plans = for_each(views.values(), self._input_plan)
        goal = L1
        with mistakes.caught():
            goal = objective_of(objective)
            _check_group(goal, group)
        with mistakes.caught():
            label_plan = self._label(label, maturity, None if objective is None else goal)
        with mistakes.caught():
            _check_monotone(goal, monotone or {}, vector)
        if not mistakes.found or vector:
            with mistakes.caught():
                self._check_vector([item.name for item in (*vector, *extra.values())], views)
        mistakes.raise_found()
        self.views = tuple(dict.fromkeys(item._view for item in views.values()))
        self.model_plan = ModelPlan(
            name,
            on.source_plan,
            input_plans,
            tuple(vector),
            label_plan,
            output,
            goal,
            extra.get("weight"),
            extra.get("filter"),
            tuple((parameters or {}).items()),
            tuple((monotone or {}).items()),
            extra.get("group"),
            extra.get("part"),
        )

    @staticmethod
    def _check_output(name: str, on: Stream, output: str) -> None:
        check_topic(output, "an output")
        if output == on.topic:
            raise DefinitionError(
                f"{name} would answer its own answers", where=caller(), allowed=f"an output= other than {output}"
            )

    def _check_vector(self, names: list[str], views: dict[str, Input]) -> None:
        if not names:
            raise DefinitionError(f"{self.name} has no inputs", where=caller(), allowed="at least one")
        hint = "give the second reading of a view another name: view.at(…).named('…')"
        check_distinct(views, f"{self.name} (its inputs)", "names that differ by more than their case", hint)
        check_distinct(names, self.name, "each name of the vector once, whatever its case", hint)
        taken = [name for name in names if name.lower() in TRAINING_SET]
        if taken:
            raise DefinitionError(
                f"{taken[0]!r} is a column that every training set has",
                where=caller(),
                allowed=f"names of the vector other than {', '.join(TRAINING_SET)}",
                hint=f"derived=dict(another_name={self.on.name}[{taken[0]!r}])",
            )

    def _vector(self, item: object, views: dict[str, Input]) -> list[VectorItem]:
        if isinstance(item, Expr):
            if item.op not in ("column", "feature"):
                raise DefinitionError(
                    "an expression needs a name to be a model input",
                    where=caller(),
                    allowed="derived=dict(name=expression)",
                )
            self._check_leaves(item, views)
            return [VectorItem(str(item.name), item.type, item)]
        source = item._input() if isinstance(item, Read) else item
        if not isinstance(source, Input):
            raise DefinitionError(
                f"{item!r} is not a model input",
                where=caller(),
                allowed="a column of the request stream, a view, a table, a feature",
            )
        exprs = [source[feature.name] for feature in source._view.plan.features]
        for expr in exprs:
            self._check_leaves(expr, views)
        return [VectorItem(str(expr.name), expr.type, expr) for expr in exprs]

    def _derived(self, name: str, expr: object, views: dict[str, Input]) -> VectorItem:
        check_name(name, "derived feature")
        if not isinstance(expr, Expr):
            raise DefinitionError(
                f"{name} is not an expression", where=caller(), allowed="an expression over features and columns"
            )
        self._check_leaves(expr, views)
        return VectorItem(name, expr.type, expr)

    def _extra(self, name: str, expr: object, types: tuple[str, ...], views: dict[str, Input]) -> dict[str, VectorItem]:
        """What a training set has beside the vector; nothing where it is not given."""
        if expr is None:
            return {}
        if not isinstance(expr, Expr) or expr.type not in types:
            raise DefinitionError(
                f"{name}= is {expr.type if isinstance(expr, Expr) else 'not an expression'}",
                where=caller(),
                allowed=f"an expression over features and columns, of type {' '.join(types)}",
            )
        self._check_leaves(expr, views)
        return {name: VectorItem(name, expr.type, expr)}

    def _part(self, by: object) -> dict[str, VectorItem]:
        """The column of ``by=`` as what a training set has beside the vector; nothing where it is not given."""
        if by is None:
            return {}
        columns = {name: column.type for name, column in self.on.columns.items() if column.type in PARTS}
        if not isinstance(by, str) or by not in self.on.columns:
            raise unknown(f"{self.on.name} (for by=)", str(by), list(columns))
        if by not in columns:
            raise DefinitionError(
                f"by={by!r} is {self.on.columns[by].type}",
                where=caller(),
                allowed=f"a column of type {' '.join(PARTS)}",
            )
        expr: Expr = self.on[by]
        return {"part": VectorItem("part", expr.type, expr)}

    def _check_leaves(self, expr: Expr, views: dict[str, Input]) -> None:
        for leaf in expr.leaves("column"):
            if leaf.owner is not self.on:
                raise DefinitionError(
                    f"{leaf.name} is not a column of {self.on.name}, the request stream",
                    where=caller(),
                    allowed=", ".join(self.on.columns),
                )
        for leaf in expr.leaves("feature"):
            check_known(leaf)
            assert isinstance(leaf.owner, Input)
            known = views.setdefault(leaf.owner._name, leaf.owner)
            if known._view is not leaf.owner._view or known._keys != leaf.owner._keys:
                other = "by two different keys" if known._view is leaf.owner._view else "from two views"
                raise DefinitionError(
                    f"{leaf.owner._name} is read {other}",
                    where=caller(),
                    allowed="one reading for each name",
                    hint="view.at(…).named('…')",
                )

    def _input_plan(self, item: Input) -> InputPlan:
        plan = item._view.plan
        types = {key.name: key.type for key in plan.key}
        for key, column in item._keys.items():
            if column not in self.on.columns:
                raise unknown(f"{self.on.name} (to look up {item._name} by {key})", column, self.on.columns)
            if self.on.columns[column].type != types[key]:
                raise DefinitionError(
                    f"{item._name} is looked up by {column}, which is {self.on.columns[column].type}",
                    where=caller(),
                    allowed=f"{types[key]}, as its key {key}",
                )
        features = tuple((f.name, f.type, f.default) for f in plan.features)
        return InputPlan(item._name, plan.name, plan.fingerprint, tuple(item._keys.items()), features)

    def _label(self, label: Expr | None, maturity: str | None, objective: Objective | None) -> LabelPlan | None:
        if label is None:
            if maturity is not None:
                raise DefinitionError("maturity= without label=", where=caller(), allowed="both, or neither")
            return None
        if isinstance(label, Expr):
            _check_type(label, objective)
        if isinstance(label, Expr) and list(label.leaves("feature")):
            return self._future_label(label, maturity)
        source = self._label_source(label)
        if source is not self.on and not self._joined(source):
            raise DefinitionError(
                f"{source.name} and {self.on.name} cannot be joined for the label",
                where=caller(),
                allowed="two streams with id= of one type",
            )
        if source is self.on and maturity is not None:
            raise DefinitionError(
                f"maturity= of a label that each event of {self.on.name} has itself",
                where=caller(),
                allowed="maturity= with a label of another stream",
            )
        self._label_owner = source
        column = str(label.name) if label.op == "column" else ""
        expression = None if label.op == "column" else canonical_json(label.to_json())
        length = None if maturity is None else parse_duration(maturity)
        return LabelPlan(source.source_plan.name, column, label.type, expression, length)

    def _future_label(self, label: Expr, maturity: str | None) -> LabelPlan:
        """A label of the time after the request."""
        items = [leaf.owner for leaf in label.leaves("feature") if isinstance(leaf.owner, Input)]
        item = items[0]
        if any((each._view, each._keys) != (item._view, item._keys) for each in items) or list(label.leaves("column")):
            raise DefinitionError(
                f"the label of {self.name} reads more than one thing",
                where=caller(),
                allowed="an expression over features of one Future, looked up by one key",
            )
        if not item._view.ahead:
            raise DefinitionError(
                f"the label of {self.name} is of {item._view.name}, which is of the time before the request",
                where=caller(),
                allowed="an expression over features of a Future, or over columns of a stream",
                hint="Future(…) has the same aggregates of the time after a request",
            )
        if maturity is not None:
            raise DefinitionError(
                f"maturity= of the label {item._view.name}, whose windows say when it has matured",
                where=caller(),
                allowed="label= without maturity=",
            )
        key = self._input_plan(item).key
        self._label_owner = item._view.source
        expression = canonical_json(label.to_json())
        return LabelPlan(item._name, "", label.type, expression, future=item._view.plan.json, key=key)

    @staticmethod
    def _label_source(label: object) -> Source:
        """The one source whose columns the label reads."""
        leaves = label.leaves("column") if isinstance(label, Expr) and not list(label.leaves("feature")) else []
        owners = list(dict.fromkeys(leaf.owner for leaf in leaves))
        if len(owners) != 1 or not isinstance(owners[0], Source):
            raise DefinitionError(
                "label= is not a column",
                where=caller(),
                allowed="a column of a stream, or an expression over columns of one",
                hint=_label_form(label),
            )
        return owners[0]

    def _joined(self, source: Source) -> bool:
        if source.id is None or self.on.id is None:
            return False
        return source.columns[source.id].type == self.on.columns[self.on.id].type

    @property
    def label_source(self) -> Any:
        """The stream or the union that holds the label, or None."""
        return self._label_owner
