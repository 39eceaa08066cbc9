"""What a version was trained on, in its own bins: written with it, as ``counts.json``.

``psi`` and ``greatest`` are how far the training range strayed from itself: the greatest index of any of its blocks
against all of it, and the greatest share of each group of bins in any block. They have the nights, the storms and the
holidays of the range, so a window that is much further away is something new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from penstock.jobs.binning.bins import Bins, Counts, Doubles, bins_of, label_bins
from penstock.jobs.binning.blocks import HOUR_MS, Blocks, blocks_of
from penstock.jobs.binning.statistics import Reference
from penstock.jobs.models.arrays import entries_of
from penstock.jobs.models.kernel.forest import read_forest

FORMAT = 1


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainedFeature(_Part):
    """``counts``: of the trained rows, by bin; ``psi``: the greatest index of a block of them; ``greatest``: by
    group of bins, the greatest share of a block. Rest as in ``Bins``."""

    name: str
    type: str
    edges: tuple[float, ...]
    categories: tuple[str, ...]
    counts: tuple[int, ...]
    psi: float
    greatest: tuple[float, ...]

    @property
    def bins(self) -> Bins:
        """Its bins."""
        return Bins(self.name, self.type, self.edges, self.categories)

    @cached_property
    def reference(self) -> Reference:
        """What others are compared to."""
        return Reference(self.bins, np.array(self.counts, dtype=np.int64))


class Trained(_Part):
    """``features``: of the vector, in its order, each element of a table's vector by itself; ``label``; ``blocks``: how
    many the trained rows have.
    """

    format: int
    features: tuple[TrainedFeature, ...]
    label: TrainedFeature
    blocks: int

    @property
    def all(self) -> tuple[TrainedFeature, ...]:
        """The features and the label."""
        return (*self.features, self.label)


def trained(
    features: Sequence[tuple[str, str]],
    categories: Mapping[str, Sequence[str]],
    classes: Sequence[str],
    model: str,
    matrix: Doubles,
    label: Doubles,
    t: npt.NDArray[np.int64],
) -> Trained:
    """Of the n rows that a model (LightGBM's text) was trained on. ``matrix`` (n, entries) and ``label`` (n,) as the
    model learned them; ``t``: (n,), their times in milliseconds.
    """
    hours, place = np.unique(t // HOUR_MS * HOUR_MS, return_inverse=True)
    windows = blocks_of(hours, np.bincount(place, minlength=len(hours)))
    bins = bins_of(entries_of(features), categories, read_forest(model))
    every = [_feature(each, column, place, windows) for each, column in zip(bins, matrix.T, strict=True)]
    own = _feature(label_bins(label, classes), label, place, windows)
    return Trained(format=FORMAT, features=tuple(every), label=own, blocks=len(windows))


def _feature(bins: Bins, column: Doubles, hour: npt.NDArray[np.int64], windows: Blocks) -> TrainedFeature:
    """``hour``: of each row the place of its hour."""
    hours = int(hour.max(initial=-1)) + 1
    cells = np.bincount(hour * bins.size + bins.places_of_numbers(column), minlength=hours * bins.size)
    by_hour = cells.reshape(hours, bins.size)
    counts: Counts = by_hour.sum(axis=0)
    reference, of_blocks = Reference(bins, counts), windows.counts(by_hour)
    return TrainedFeature(
        name=bins.name,
        type=bins.type,
        edges=bins.edges,
        categories=bins.categories,
        counts=tuple(counts.tolist()),
        psi=float(reference.psi(of_blocks).max(initial=0.0)),
        greatest=tuple(reference.shares(of_blocks).max(axis=0, initial=0.0).tolist()),
    )
