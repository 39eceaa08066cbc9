"""The model's answer once more: the version that a prediction names, on the vector that it carries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.features.vector import Values
from penstock.jobs.models.folder import load_version


@dataclass(frozen=True)
class Replay:
    """``value``: what the model says now, ``same``: to the bit what it said then. ``contributions``: what each entry of
    the vector adds to the raw prediction (LightGBM's SHAP values), beginning at ``base``.
    """

    value: float
    same: bool
    contributions: dict[str, float]
    base: float


def replay(models: Path, prediction: dict[str, Any]) -> Replay:
    """Predicts again. Raises UsageError when the version is gone, RefusedError when it has another fingerprint."""
    model = load_version(models, prediction["model"], prediction["version"], prediction["fingerprint"])
    features = model.metadata.features
    vector = {name: Values.of(type, [prediction["vector"][name]]) for name, type in features}
    # LightGBM's own answer: compiled trees take over in an inference job only
    value = float(model.predict(vector)[0])
    *parts, base = model.contributions(vector)[0].tolist()
    names = [name for name, _ in features]
    return Replay(value, value.hex() == float(prediction["value"]).hex(), dict(zip(names, parts, strict=True)), base)
