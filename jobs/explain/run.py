"""A prediction explained: its request, the model's answer once more, and every entry of its vector against batch."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from penstock.features.errors import PenstockError
from penstock.features.plan import ModelPlan
from penstock.jobs.audit.batch import MOMENTS
from penstock.jobs.audit.check import Checked, checked
from penstock.jobs.audit.known import good_row
from penstock.jobs.audit.unlike import rests_on
from penstock.jobs.explain.find import find_model, find_place, find_prediction, find_request
from penstock.jobs.explain.replay import Replay, replay
from penstock.jobs.project.project import Project


@dataclass(frozen=True)
class Entry:
    """One entry of the vector. ``contribution``: None without the model's version. ``inputs``: what it was read from;
    of an entry that rests on features, what batch has at the rows' own time (``at_row``) and at the request's
    (``at_request``), and if ``equal`` is False the ``cause`` in a word and in ``words``.
    """

    name: str
    value: Any
    contribution: float | None
    inputs: tuple[str, ...]
    at_row: Any = None
    at_request: Any = None
    equal: bool = True
    cause: str | None = None
    words: str | None = None


@dataclass(frozen=True)
class Explanation:
    """``request``: its row, None where its topic has it no more; ``gone``: why the model could not be ``replayed``."""

    prediction: dict[str, Any]
    request: dict[str, Any] | None
    replayed: Replay | None
    gone: PenstockError | None
    entries: tuple[Entry, ...]

    @property
    def sound(self) -> bool:
        """Did the model say the same once more, and is everything else equal or explained?"""
        same = self.replayed is not None and self.replayed.same
        return same and not any(entry.cause == "unexplained" for entry in self.entries)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "prediction": self.prediction,
            "request": self.request,
            "replayed": asdict(self.replayed) if self.replayed is not None else None,
            "gone": self.gone.to_json() if self.gone is not None else None,
            "entries": [asdict(entry) for entry in self.entries],
            "sound": self.sound,
        }


def explain(project: Project, id: str, model_name: str | None = None, *, shadow: bool = False) -> Explanation:
    """Explains the prediction, or that of the shadow, for the request ``<topic>-<partition>-<offset>``.

    Raises UsageError for an id that leads nowhere, PenstockError for a request without a prediction (with the reason of
    its dead letter), and what Kafka and DuckDB cannot.
    """
    place = find_place(project, id)
    model = find_model(project, place, model_name)
    record = find_request(project, place)
    prediction = find_prediction(project, model, place, record, shadow)
    replayed, gone = _replay(project, prediction)
    project.config.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".explain-", dir=project.config.state) as folder:
        file = Path(folder) / "prediction.ndjson"
        file.write_bytes(orjson.dumps(prediction))
        with checked(project, model.model_plan, file) as found:
            entries = _entries(model.model_plan, prediction, replayed, found)
    request = good_row(model.model_plan.on, record) if record is not None else None
    return Explanation(prediction, request, replayed, gone, entries)


def _replay(project: Project, prediction: dict[str, Any]) -> tuple[Replay | None, PenstockError | None]:
    try:
        return replay(project.config.models_at, prediction), None
    except PenstockError as error:
        return None, error


def _entries(plan: ModelPlan, prediction: dict[str, Any], replayed: Replay | None, found: Checked) -> tuple[Entry, ...]:
    """Those of the vector, and those that the model's definition has by now and had not then."""
    parts = replayed.contributions if replayed is not None else {}
    inputs = {item.name: tuple(dict.fromkeys(owner for owner, _ in rests_on(item))) for item in plan.vector}
    entries = {
        name: Entry(name, value, parts.get(name), inputs.get(name, ())) for name, value in prediction["vector"].items()
    }
    for place, j in enumerate(found.unlike.entries):
        name = plan.vector[j].name
        entries[name] = _against_batch(found, place, entries.get(name) or Entry(name, None, None, inputs[name]))
    return tuple(sorted(entries.values(), key=lambda entry: -abs(entry.contribution or 0.0)))


def _against_batch(found: Checked, place: int, entry: Entry) -> Entry:
    finding = found.findings.get((place, 0))
    at_row, at_request = (found.unlike.value(moment, entry.name, 0) for moment in MOMENTS)
    why = (None, None) if finding is None else (finding.cause, finding.words)
    return Entry(entry.name, entry.value, entry.contribution, entry.inputs, at_row, at_request, finding is None, *why)
