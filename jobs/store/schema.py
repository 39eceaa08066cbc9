"""A view's plan as the stores know it."""

from __future__ import annotations

from penstock.features.plan import ViewPlan
from penstock.jobs.store.rows import ViewSchema


def schema_of(plan: ViewPlan) -> ViewSchema:
    """Key and feature columns with their types, the features' values over nothing, and the plan's fingerprint."""
    return ViewSchema(
        plan.name,
        tuple((key.name, key.type) for key in plan.key),
        tuple((feature.name, feature.type) for feature in plan.features),
        tuple(feature.default for feature in plan.features),
        plan.fingerprint,
    )
