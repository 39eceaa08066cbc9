"""The least, greatest, first and last values, for one group of features."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from penstock.features.compilers.duckdb.codes import Codes, codes
from penstock.features.compilers.duckdb.columns import Bools, valid
from penstock.features.compilers.duckdb.extremes import COMPARED, Values, better_of, extremes
from penstock.features.compilers.duckdb.group import Group


def compared(group: Group) -> dict[tuple[str, int], pa.Array]:
    """Columns by aggregate and window, null over nothing."""
    names = [name for name in COMPARED if group.windows([name])]
    if not names:
        return {}
    before = {name: held for name in names if (held := group.before(name)) is not None}
    coded, (values, *held) = _coded([group.events.value(group.arg), *before.values()])
    holding = {name: (of, _known(before[name])) for name, of in zip(before, held, strict=True)}
    return {key: column for name in names for key, column in _columns(group, name, coded, values, holding.get(name))}


def _coded(columns: list[pa.Array]) -> tuple[Codes, list[Values]]:
    """Numbers in one order for all columns."""
    coded = codes(columns[0] if len(columns) == 1 else pa.concat_arrays(columns))
    ends = np.cumsum([len(column) for column in columns])
    return coded, np.split(coded.values, ends[:-1])


def _columns(
    group: Group, name: str, coded: Codes, values: Values, held: tuple[Values, Bools] | None
) -> list[tuple[tuple[str, int], pa.Array]]:
    windows = group.windows([name])
    found = extremes(name, values, group.known, group.events.ties, group.ranges(windows))
    columns = []
    for window, numbers in zip(windows, found, strict=True):
        known = group.alive[window] > 0
        if held is not None and group.lasting(window):
            at = group.points.key
            numbers, known = _merged(name, (held[0][at], held[1][at]), (numbers, known))
        columns.append(((name, window), coded.column(numbers, known)))
    return columns


def _merged(name: str, held: tuple[Values, Bools], found: tuple[Values, Bools]) -> tuple[Values, Bools]:
    """What was held comes before all that is found."""
    (a, a_known), (b, b_known) = held, found
    best = better_of(name, a, b)
    return np.where(a_known & b_known, best, np.where(a_known, a, b)), a_known | b_known


def _known(column: pa.Array) -> Bools:
    known = valid(column)
    return np.ones(len(column), np.bool_) if known is None else known
