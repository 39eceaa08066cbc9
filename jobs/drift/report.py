"""Drift of every version that answered in a range."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.binning.trained import Trained
from penstock.jobs.drift.windows import FeatureDrift, VersionDrift, drift
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.ledger.rows import ALWAYS
from penstock.jobs.ledger.tallies import LABELS, VECTORS, described, tallies


@dataclass(frozen=True)
class Report:
    """``versions``: those that have counts of their training; ``blind``: those that answered and have none."""

    model: str
    versions: list[VersionDrift]
    blind: list[str]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"model": self.model, "versions": [_version(each) for each in self.versions], "blind": self.blind}


def report(ledger: Ledger, plan: ModelPlan, span: Span = ALWAYS) -> Report:
    """Of the requests of a range, by whole hours. A version that is gone has its bins in the ledger."""
    labels = dict(tallies(ledger.db, LABELS, *span))
    found = []
    for version, vectors in tallies(ledger.db, VECTORS, *span):
        trained = _trained(described(ledger.db, version))
        found.append(drift(version, trained, vectors, labels.get(version)))
    answered = {cell.version for cell in ledger.scores(*span)}
    return Report(str(plan.name), found, sorted(answered - {each.version for each in found}))


@lru_cache(maxsize=16)
def _trained(described: bytes) -> Trained:
    """A follower reads the same ones every second."""
    return Trained.model_validate_json(described)


def _version(found: VersionDrift) -> dict[str, Any]:
    alarms = [
        {"feature": each.feature, "from": each.window.from_ms, "to": each.window.to_ms, "psi": each.psi}
        | {"limit": each.limit, "excess": each.excess}
        for each in found.alarms()
    ]
    features = {feature.name: _of_feature(feature) for feature in found.features}
    vectors, labels = found.rows
    return {"version": found.version, "vectors": vectors, "labels": labels, "features": features, "alarms": alarms}


def _of_feature(feature: FeatureDrift) -> dict[str, Any]:
    return {
        "psi": feature.whole_psi,
        "greatest_psi": float(feature.psi.max(initial=0.0)),
        "greatest_excess": float(feature.excess.max(initial=0.0)),
        "limit": None if feature.limit == float("inf") else feature.limit,
        "ks": feature.ks,
        "wasserstein": feature.wasserstein,
        "null": feature.null[0],
        "null_trained": feature.null[1],
        "unseen": feature.unseen,
        "counts": feature.counts.tolist(),
        "trained": feature.trained_counts.tolist(),
    }
