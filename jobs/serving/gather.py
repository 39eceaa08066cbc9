"""Columns for requests out of the rows that they found: by place, wherever they were read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from penstock.features.vector import Values
from penstock.jobs.serving.requests import Found


def gathered(found: Sequence[Found]) -> dict[str, Values]:
    """The used features of one input, as ``<input>.<feature>``: one value for each of what was found (one or more).

    Mostly all was read together. Requests that waited bring rows of other reads with them.
    """
    reads = list({id(one.rows): one.rows for one in found}.values())
    starts = dict(zip(map(id, reads), accumulate((len(rows.keys) for rows in reads), initial=0), strict=False))
    places = [starts[id(one.rows)] + one.place for one in found]
    columns = {name: _joined([rows.features[name] for rows in reads]) for name in reads[0].features}
    if places == list(range(sum(len(rows.keys) for rows in reads))):
        return columns
    index = np.array(places)
    return {name: Values(column.type, column.values[index], column.null[index]) for name, column in columns.items()}


def _joined(columns: Sequence[Values]) -> Values:
    if len(columns) == 1:
        return columns[0]
    return Values(
        columns[0].type,
        np.concatenate([column.values for column in columns]),
        np.concatenate([column.null for column in columns]),
    )
