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


class Batch(NamedTuple):
    """What batch knows of its rows beside their clocks, in milliseconds since the epoch.

    ``generation``: when the backfill began that computed them. ``until``: the time for which it gave the newest row of
    each key, so that it has no change point after the row's ``t`` and up to then.

    Of two rows of batch for one key the later generation wins if its ``until`` reaches the other's ``t``; the earlier
    one if its ``t`` is after the other's ``until``: what both speak about, the later one decides.
    """

    generation: int
    until: int


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
