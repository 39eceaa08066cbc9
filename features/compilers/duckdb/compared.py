"""The least, greatest, first and last values, for one group of features."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from penstock.features.aggregates import Extreme
from penstock.features.compilers.duckdb.codes import Codes, codes
from penstock.features.compilers.duckdb.columns import Bools, valid
from penstock.features.compilers.duckdb.extremes import Values, better_of, extremes
from penstock.features.compilers.duckdb.group import Group


def compared(group: Group) -> dict[tuple[Extreme, int], pa.Array]:
    """Columns by aggregate and window, null over nothing."""
    wanted = list(dict.fromkeys(f.aggregate for f in group.features if isinstance(f.aggregate, Extreme)))
    if not wanted:
        return {}
    before = {extreme: held for extreme in wanted if (held := group.before(extreme)) is not None}
    coded, (values, *held) = _coded([group.events.value(group.arg), *before.values()])
    holding = {extreme: (of, _known(before[extreme])) for extreme, of in zip(before, held, strict=True)}
    return {
        key: column
        for extreme in wanted
        for key, column in _columns(group, extreme, coded, values, holding.get(extreme))
    }


def _coded(columns: list[pa.Array]) -> tuple[Codes, list[Values]]:
    """Numbers in one order for all columns."""
    coded = codes(columns[0] if len(columns) == 1 else pa.concat_arrays(columns))
    ends = np.cumsum([len(column) for column in columns])
    return coded, np.split(coded.values, ends[:-1])


def _columns(
    group: Group, extreme: Extreme, coded: Codes, values: Values, held: tuple[Values, Bools] | None
) -> list[tuple[tuple[Extreme, int], pa.Array]]:
    windows = group.windows(lambda aggregate: aggregate == extreme)
    found = extremes(extreme, values, group.known, group.events.ties, group.ranges(windows))
    columns = []
    for window, numbers in zip(windows, found, strict=True):
        known = group.alive[window] > 0
        if held is not None and group.lasting(window):
            at = group.points.key
            numbers, known = _merged(extreme, (held[0][at], held[1][at]), (numbers, known))
        columns.append(((extreme, window), coded.column(numbers, known)))
    return columns


def _merged(extreme: Extreme, held: tuple[Values, Bools], found: tuple[Values, Bools]) -> tuple[Values, Bools]:
    """What was held comes before all that is found."""
    (a, a_known), (b, b_known) = held, found
    best = better_of(extreme, a, b)
    return np.where(a_known & b_known, best, np.where(a_known, a, b)), a_known | b_known


def _known(column: pa.Array) -> Bools:
    known = valid(column)
    return np.ones(len(column), np.bool_) if known is None else known
