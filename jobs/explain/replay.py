"""The model's answer once more: the version that a prediction names, on the vector that it carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from penstock.features.objectives import QUANTILES
from penstock.features.vector import Values
from penstock.jobs.models.folder import LIGHTGBM, load_version
from penstock.jobs.models.storage.storage import Models

Answer = float | dict[str, float]


@dataclass(frozen=True)
class Shares:
    """What each entry of the vector adds to a number of the raw prediction (LightGBM's SHAP values), from ``base``."""

    contributions: dict[str, float]
    base: float


@dataclass(frozen=True)
class Replay:
    """``value``: what the model says now, a number or several by name; ``same``: to the bit what it said then.

    ``contributions`` and ``base``: as in ``Shares``, of the answer's only number or of that named ``of``: the most
    probable class, or the middle quantile; none of a model in ONNX. ``outputs``: those of each number by name.
    ``runtime``: what answers now.
    """

    value: Answer
    same: bool
    contributions: dict[str, float]
    base: float | None
    runtime: str
    of: str | None = None
    outputs: dict[str, Shares] = field(default_factory=dict)


def replay(models: Models, prediction: dict[str, Any]) -> Replay:
    """Predicts again. Raises UsageError when the version is gone, RefusedError when it has another fingerprint."""
    model = load_version(
        models, prediction["model"], prediction["version"], prediction["fingerprint"], prediction.get("part")
    )
    features = model.metadata.features
    vector = {name: Values.of(type, [prediction["vector"][name]]) for name, type in features}
    # LightGBM's own answer: the kernel takes over in an inference job only
    numbers = model.predict(vector)[0]
    outputs = model.metadata.outputs
    value: Answer = dict(zip(outputs, numbers.tolist(), strict=True)) if outputs else float(numbers)
    same = _bits(value) == _bits(prediction["value"])
    if model.metadata.written_in != LIGHTGBM:
        return Replay(value, same, {}, None, model.runtime)
    names = [name for name, _ in features]
    shares = [
        Shares(dict(zip(names, parts, strict=True)), base) for *parts, base in model.contributions(vector)[0].tolist()
    ]
    if not outputs:
        return Replay(value, same, shares[0].contributions, shares[0].base, model.runtime)
    place = len(outputs) // 2 if model.metadata.answer == QUANTILES else int(np.argmax(numbers))
    by_name = dict(zip(outputs, shares, strict=True))
    shown = shares[place]
    return Replay(value, same, shown.contributions, shown.base, model.runtime, outputs[place], by_name)


def _bits(value: Answer) -> list[tuple[str, str]]:
    numbers = value if isinstance(value, dict) else {"": value}
    return [(name, float(number).hex()) for name, number in numbers.items()]
