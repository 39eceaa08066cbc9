"""Where results leave the integers: one correctly rounded division (section 3 of the semantics), over columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.compilers.duckdb.view import sums_of
from features.plan import FeaturePlan, ViewPlan

Doubles = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

_EXACT = 2**53


class Integers:
    """A column of exact integers, as DuckDB gives HUGEINT: decimal(38, 0) of 16 bytes, or BIGINT."""

    def __init__(self, column: pa.Array) -> None:
        # by the buffer: pyarrow's own way would import pandas
        words = np.frombuffer(column.buffers()[1], dtype=np.int64)
        if pa.types.is_decimal128(column.type):
            pairs = words.reshape(-1, 2)[column.offset : column.offset + len(column)]
            self.low, self.high = pairs[:, 0], pairs[:, 1]
        else:
            self.low = words[column.offset : column.offset + len(column)]
            self.high = self.low >> 63

    @property
    def fits(self) -> npt.NDArray[np.bool_]:
        """Which fit int64."""
        fits: npt.NDArray[np.bool_] = self.high == self.low >> 63
        return fits

    @property
    def small(self) -> npt.NDArray[np.bool_]:
        """Which are below 2**53, so that a double holds them exactly."""
        small: npt.NDArray[np.bool_] = self.fits & (self.low > -_EXACT) & (self.low < _EXACT)
        return small

    def at(self, places: Int64s) -> list[int]:
        """Python's integers at some places."""
        low, high = self.low[places].view(np.uint64).tolist(), self.high[places].tolist()
        return [(h << 64) | x for h, x in zip(high, low, strict=True)]


def feature_column(plan: ViewPlan, feature: FeaturePlan, rows: pa.RecordBatch) -> tuple[pa.Array, int]:
    """The feature's values from its sums, and how many int64 sums are null because they do not fit."""
    if feature.aggregate == "sum" and feature.type == "int64":
        return _int64_sum(_sum(rows, feature, "n"))
    arg = plan.args[feature.arg or 0]
    values = _AGGREGATES[feature.aggregate](rows, feature, arg.places or 0)
    return pa.array(values, pa.float64(), mask=np.isnan(values)), 0


def _sum(rows: pa.RecordBatch, feature: FeaturePlan, part: str) -> Integers:
    return Integers(rows.column(next(s.name for s in sums_of(feature) if s.part == part)))


def _int64_sum(sums: Integers) -> tuple[pa.Array, int]:
    lost = ~sums.fits
    return pa.array(sums.low, pa.int64(), mask=lost), int(lost.sum())


def _float_sum(rows: pa.RecordBatch, feature: FeaturePlan, places: int) -> Doubles:
    ones = np.ones(rows.num_rows, dtype=np.int64)
    return ratio(_sum(rows, feature, "n"), ones, 10**places)


def _mean(rows: pa.RecordBatch, feature: FeaturePlan, places: int) -> Doubles:
    return ratio(_sum(rows, feature, "n"), _sum(rows, feature, "c").low, 10**places)


def _var(rows: pa.RecordBatch, feature: FeaturePlan, places: int) -> Doubles:
    counts = _sum(rows, feature, "c").low
    values = np.full(rows.num_rows, np.nan)
    many = np.flatnonzero(counts > 1)
    n, s1, high, low = (_sum(rows, feature, part).at(many) for part in "cnqr")
    scale = 10 ** (2 * places)
    # the quotient of two Python integers is correctly rounded
    values[many] = [
        (c * ((q << 64) + r) - s * s) / (c * (c - 1) * scale) for c, s, q, r in zip(n, s1, high, low, strict=True)
    ]
    return values


def _std(rows: pa.RecordBatch, feature: FeaturePlan, places: int) -> Doubles:
    deviation: Doubles = np.sqrt(_var(rows, feature, places))
    return deviation


_AGGREGATES = {"sum": _float_sum, "mean": _mean, "var": _var, "std": _std}


def ratio(numerators: Integers, counts: Int64s, scale: int) -> Doubles:
    """``numerator / (count * scale)``, rounded once; NaN where the count is 0. ``scale`` is a power of ten."""
    values = np.full(len(counts), np.nan)
    if scale < _EXACT:
        # both sides are exact doubles, so the IEEE quotient is the correctly rounded one
        fast = np.flatnonzero(numerators.small & (counts > 0) & (counts < _EXACT // scale))
        values[fast] = numerators.low[fast].astype(np.float64) / (counts[fast] * scale).astype(np.float64)
    slow = np.flatnonzero(np.isnan(values) & (counts > 0))
    values[slow] = [a / (c * scale) for a, c in zip(numerators.at(slow), counts[slow].tolist(), strict=True)]
    return values


def feature_columns(plan: ViewPlan, rows: pa.RecordBatch) -> tuple[list[pa.Array], int]:
    """All features of ``ViewQuery.rows`` in the plan's order, and how many int64 sums were lost to their size."""
    columns, lost = [], 0
    for feature in plan.features:
        if feature.name in rows.schema.names:
            columns.append(rows.column(feature.name))
        else:
            column, over = feature_column(plan, feature, rows)
            columns.append(column)
            lost += over
    return columns, lost
