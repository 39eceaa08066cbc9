"""What comes out of the store: one array for each feature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from penstock.jobs.store.clock import ABSENT
from penstock.jobs.store.encoding import Cell, Decoded, Mask, decode_column
from penstock.jobs.store.rows import ViewSchema

Int64s = npt.NDArray[np.int64]


class FeatureColumn(NamedTuple):
    """One feature of n keys: ``values`` (n,) and ``null`` (n,), True where there is no value.

    dtype float64, int64 (timestamps too: milliseconds), bool, or object for strings and lists; of vectors float32, with
    ``values`` (n, dimensions). Under a null lies NaN, 0, False or None.
    """

    name: str
    type: str
    values: npt.NDArray[Any]
    null: Mask


@dataclass(frozen=True)
class Columns:
    """The rows of n keys, in the order asked for.

    ``t`` and ``seq``: int64 (n,), ``-2**63`` where the store holds no row; ``present``: bool (n,). Where it is False
    the features have the schema's defaults. ``features`` are in the schema's order.
    """

    schema: ViewSchema
    t: Int64s
    seq: Int64s
    present: Mask
    features: tuple[FeatureColumn, ...]

    def __len__(self) -> int:
        return len(self.t)

    def at(self, places: Int64s) -> Columns:
        """The rows at these places, copied."""
        features = tuple(FeatureColumn(c.name, c.type, c.values[places], c.null[places]) for c in self.features)
        return Columns(self.schema, self.t[places], self.seq[places], self.present[places], features)

    def replaces(self, t: Int64s, seq: Int64s) -> Mask:
        """Which of the rows, as a topic or the store has them now, take the place of rows with these clocks in memory.

        The greater ``(t, seq)`` does. A row of batch (seq 0) in memory came from the store: what the store has now
        takes its place, be it another row of batch or none.
        """
        later: Mask = self.present & ((self.t > t) | ((self.t == t) & (self.seq > seq)))
        of_batch: Mask = (seq == 0) & (~self.present | (self.seq == 0))
        return later | of_batch

    def __getitem__(self, feature: str) -> FeatureColumn:
        """The feature of this name. Raises KeyError."""
        for column in self.features:
            if column.name == feature:
                return column
        raise KeyError(feature)


@dataclass(frozen=True)
class Cells:
    """The bytes of n keys as a store returned them: clocks, and for each feature a sequence of n cells."""

    schema: ViewSchema
    t: Int64s
    seq: Int64s
    columns: Sequence[Sequence[Cell]]

    @staticmethod
    def nothing(schema: ViewSchema, n: int) -> Cells:
        """No row for any of n keys."""
        absent = np.full(n, ABSENT, dtype=np.int64)
        return Cells(schema, absent, absent.copy(), [[None] * n for _ in schema.features])


def decode(found: Sequence[Cells]) -> list[Columns]:
    """Typed columns with the schemas' defaults filled in. Raises PenstockError for bytes of another type."""
    decoded = _decode_by_type(found)
    return [
        filled(cells.schema, cells.t, cells.seq, [decoded[id(cells), place] for place in range(len(cells.columns))])
        for cells in found
    ]


def filled(schema: ViewSchema, t: Int64s, seq: Int64s, decoded: Sequence[Decoded]) -> Columns:
    """Columns of the features' values and nulls, which become the defaults where there is no row."""
    present = t != ABSENT
    absent = None if present.all() else ~present
    features = []
    for (name, type), default, (values, null) in zip(schema.features, schema.defaults, decoded, strict=True):
        if absent is not None and default is not None:
            _fill(values, absent, default)
            null[absent] = False
        features.append(FeatureColumn(name, type, values, null))
    return Columns(schema, t, seq, present, tuple(features))


#: Where a column lies: the request's identity and the feature's place in its schema.
_Place = tuple[int, int]


def _decode_by_type(found: Sequence[Cells]) -> dict[_Place, Decoded]:
    """All columns of one type are decoded together: numpy's cost for each call is that of a hundred values."""
    by_type: dict[str, list[tuple[_Place, str, Sequence[Cell]]]] = {}
    for cells in found:
        for place, ((name, type), column) in enumerate(zip(cells.schema.features, cells.columns, strict=True)):
            where = f"{cells.schema.name}.{name}"
            by_type.setdefault(type, []).append(((id(cells), place), where, column))
    return dict(chain.from_iterable(_decode_type(type, columns) for type, columns in by_type.items()))


def _decode_type(type: str, columns: list[tuple[_Place, str, Sequence[Cell]]]) -> Iterator[tuple[_Place, Decoded]]:
    where = columns[0][1] if len(columns) == 1 else f"{columns[0][1]} or another {type} feature read with it"
    values, null = decode_column(type, list(chain.from_iterable(column for _, _, column in columns)), where=where)
    start = 0
    for place, _, column in columns:
        end = start + len(column)
        yield place, (values[start:end], null[start:end])
        start = end


def _fill(values: npt.NDArray[Any], absent: Mask, default: Any) -> None:
    if isinstance(default, tuple):
        # numpy would spread a list over the rows
        for row in np.flatnonzero(absent):
            values[row] = list(default)
    else:
        values[absent] = default
