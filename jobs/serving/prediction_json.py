"""A prediction as JSON: its value, what gave it, and which rows it rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from penstock.features.plan import ModelPlan
from penstock.jobs.serving.inputs import Input
from penstock.jobs.serving.json_columns import HOLE, fixed, form, written
from penstock.jobs.serving.lineup import Role
from penstock.jobs.serving.predicting import Predicted, Said

#: A prediction's fields, in their order; ``event`` only where the model's stream has an id, ``part`` only of a
#: model with ``by=``.
FIELDS = (
    "id",
    "value",
    "model",
    "part",
    "version",
    "alias",
    "runtime",
    "fingerprint",
    "t",
    "requested_at",
    "views",
    "vector",
    "stale",
    "ahead_ms",
    "event",
)


class PredictionJson:
    """Writes predictions of a model's versions with these ``fields``."""

    def __init__(self, plan: ModelPlan, inputs: Sequence[Input], fields: Sequence[str] = FIELDS) -> None:
        self._inputs, self._event = inputs, plan.on.id
        self._types = {column.name: column.type for column in plan.on.columns}
        absent = {"event": self._event is None, "part": plan.by is None}
        self._fields = [name for name in fields if not absent.get(name)]
        self._form = self._form_of(plan)

    def write(self, predicted: Predicted) -> list[bytes]:
        """One object for each request, in their order; that of a bad one means nothing."""
        columns = self._columns(predicted)
        return self._filled([column for name in columns for column in columns[name]])

    def write_both(self, predicted: Predicted) -> tuple[list[bytes], dict[int, bytes]]:
        """As ``write``, and by its place in them what the shadow says of a request."""
        columns = self._columns(predicted)
        lines = self._filled([column for name in columns for column in columns[name]])
        if not predicted.shadow:
            return lines, {}
        said = replace(predicted, said=predicted.shadow)
        other = columns | {name: _OF_ROLES[name](self, said) for name in columns if name in _OF_ROLES}
        beside = self._filled([column for name in other for column in other[name]])
        return lines, {place: beside[place] for each in predicted.shadow for place in each.places.tolist()}

    def _columns(self, predicted: Predicted) -> dict[str, list[list[bytes]]]:
        """By field what fills its holes."""
        return {name: _COLUMNS[name](self, predicted) for name in self._fields if name in _COLUMNS}

    def _filled(self, columns: Sequence[list[bytes]]) -> list[bytes]:
        return [self._form % fields for fields in zip(*columns, strict=True)]

    def _form_of(self, plan: ModelPlan) -> bytes:
        """An object with holes, which ``write`` fills."""
        parts = {
            "model": fixed(str(plan.name)),
            "fingerprint": fixed(plan.fingerprint),
            "views": form({item.name: HOLE for item in self._inputs}),
            "vector": form({str(item.name): HOLE for item in plan.vector}),
        }
        return form({name: parts.get(name, HOLE) for name in self._fields})

    def _values(self, predicted: Predicted) -> list[list[bytes]]:
        whole = _together(predicted)
        return [_placed(predicted, _answers) if whole is None else written("float64", whole)]

    def _versions(self, predicted: Predicted) -> list[list[bytes]]:
        return [_by_role(predicted, lambda role: role.model.version)]

    def _aliases(self, predicted: Predicted) -> list[list[bytes]]:
        return [_by_role(predicted, lambda role: role.alias)]

    def _parts(self, predicted: Predicted) -> list[list[bytes]]:
        return [_by_role(predicted, lambda role: role.model.metadata.part)]

    def _runtimes(self, predicted: Predicted) -> list[list[bytes]]:
        return [_by_role(predicted, lambda role: role.model.runtime)]

    def _ahead(self, predicted: Predicted) -> list[list[bytes]]:
        """How far the latest row of each is later than its request; 0 where none is."""
        latest = asked = [request.t for request in predicted.requests]
        for item, column in zip(self._inputs, predicted.rows, strict=True):
            if not item.view.static:
                times = [one.rows.t[one.place] for one in column]
                latest = [t if row is None or row < t else row for t, row in zip(latest, times, strict=True)]
        return [written("int64", [row - t for row, t in zip(latest, asked, strict=True)])]

    def _events(self, predicted: Predicted) -> list[list[bytes]]:
        assert self._event is not None
        return [written(self._types[self._event], [request.row[self._event] for request in predicted.requests])]

    def _ids(self, predicted: Predicted) -> list[list[bytes]]:
        return [written("string", [request.id for request in predicted.requests])]

    def _times(self, predicted: Predicted) -> list[list[bytes]]:
        return [written("timestamp", [request.t for request in predicted.requests])]

    def _requested(self, predicted: Predicted) -> list[list[bytes]]:
        return [written("timestamp", [request.record.timestamp for request in predicted.requests])]

    def _views(self, predicted: Predicted) -> list[list[bytes]]:
        return [[one.rows.read[one.place] for one in column] for column in predicted.rows]

    def _vector(self, predicted: Predicted) -> list[list[bytes]]:
        return [written(column.type, column.tolist()) for column in predicted.vector.values()]

    def _stale(self, predicted: Predicted) -> list[list[bytes]]:
        return [written("bool", [request.stale for request in predicted.requests])]


def _placed(predicted: Predicted, texts: Callable[[Said], list[bytes]]) -> list[bytes]:
    """A text for each request, from those of each role's requests; empty where no role says anything."""
    if len(predicted.said) == 1 and len(predicted.said[0].places) == len(predicted.requests):
        return texts(predicted.said[0])
    column = [b""] * len(predicted.requests)
    for said in predicted.said:
        for place, text in zip(said.places.tolist(), texts(said), strict=True):
            column[place] = text
    return column


def _together(predicted: Predicted) -> list[float] | None:
    """The answers of several roles in the order of the requests, where each is one number."""
    if len(predicted.said) == 1 or any(said.answers.ndim > 1 for said in predicted.said):
        return None
    whole = np.zeros(len(predicted.requests))
    for said in predicted.said:
        whole[said.places] = said.answers
    numbers: list[float] = whole.tolist()
    return numbers


def _by_role(predicted: Predicted, name: Callable[[Role], str | None]) -> list[bytes]:
    """A text of the role that answers each request; empty where none does."""
    texts = written("string", [name(said.role) for said in predicted.said])
    if len(predicted.said) == 1 and len(predicted.said[0].places) == len(predicted.requests):
        return texts * len(predicted.requests)
    column = [b""] * len(predicted.requests)
    for text, said in zip(texts, predicted.said, strict=True):
        for place in said.places.tolist():
            column[place] = text
    return column


def _answers(said: Said) -> list[bytes]:
    """The JSON of each answer: a number, or an object with a number for each of the model's outputs."""
    numbers = written("float64", said.answers.ravel().tolist())
    if said.answers.ndim == 1:
        return numbers
    outputs = [numbers[place :: said.answers.shape[1]] for place in range(said.answers.shape[1])]
    filled = form(dict.fromkeys(said.role.model.metadata.outputs, HOLE))
    return [filled % row for row in zip(*outputs, strict=True)]


_Column = Callable[[PredictionJson, Predicted], list[list[bytes]]]
#: What differs from role to role.
_OF_ROLES: dict[str, _Column] = {
    "value": PredictionJson._values,
    "part": PredictionJson._parts,
    "version": PredictionJson._versions,
    "alias": PredictionJson._aliases,
    "runtime": PredictionJson._runtimes,
}
#: What differs from request to request: the columns that fill a field's holes.
_COLUMNS: dict[str, _Column] = _OF_ROLES | {
    "id": PredictionJson._ids,
    "t": PredictionJson._times,
    "requested_at": PredictionJson._requested,
    "views": PredictionJson._views,
    "vector": PredictionJson._vector,
    "stale": PredictionJson._stale,
    "ahead_ms": PredictionJson._ahead,
    "event": PredictionJson._events,
}
