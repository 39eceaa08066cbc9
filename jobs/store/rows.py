"""What goes into the store: a row of feature values, and the schema that says how to read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class FeatureRow(NamedTuple):
    """A view's values for one key.

    ``key``: the key columns' values in the schema's order; ``t``: milliseconds since the epoch; ``seq``: how many
    rows the key had before at this clock; ``values``: in feature order, None for null, timestamps in milliseconds.
    """

    key: tuple[Any, ...]
    t: int
    seq: int
    values: tuple[Any, ...]


@dataclass(frozen=True)
class ViewSchema:
    """A view as the store sees it.

    ``key`` and ``features`` are pairs of name and Penstock type; ``defaults`` are the features' values for a key
    that was never written; ``fingerprint`` names the definition that the rows come from.
    """

    name: str
    key: tuple[tuple[str, str], ...]
    features: tuple[tuple[str, str], ...]
    defaults: tuple[Any, ...]
    fingerprint: str

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(name for name, _ in self.features)
