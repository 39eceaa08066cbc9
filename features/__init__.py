"""Penstock's language: one definition, compiled into a stream job and a batch job."""

from typing import NoReturn

from penstock.features.aggregate_functions import (
    argmax,
    argmin,
    count,
    decayed_mean,
    decayed_sum,
    distinct,
    first,
    first_k,
    histogram,
    kurtosis,
    last,
    last_k,
    max,
    mean,
    min,
    percentile,
    skew,
    std,
    sum,
    top_k,
    var,
)
from penstock.features.choice import when
from penstock.features.errors import DefinitionError, PenstockError
from penstock.features.expressions import coalesce, concat, literal
from penstock.features.future import Future
from penstock.features.location import caller
from penstock.features.model import Model
from penstock.features.objectives import Objective
from penstock.features.records.columns import column, header, record_key, record_timestamp
from penstock.features.refusals import ELSEWHERE, SKETCHES
from penstock.features.sources import Stream, union
from penstock.features.view import Table, View
from penstock.features.windows import calendar, hopping, lifetime, session, sliding

__all__ = [
    "DefinitionError",
    "Future",
    "Model",
    "Objective",
    "PenstockError",
    "Stream",
    "Table",
    "View",
    "argmax",
    "argmin",
    "calendar",
    "coalesce",
    "column",
    "concat",
    "count",
    "decayed_mean",
    "decayed_sum",
    "distinct",
    "first",
    "first_k",
    "header",
    "histogram",
    "hopping",
    "kurtosis",
    "last",
    "last_k",
    "lifetime",
    "literal",
    "max",
    "mean",
    "min",
    "percentile",
    "record_key",
    "record_timestamp",
    "session",
    "skew",
    "sliding",
    "std",
    "sum",
    "top_k",
    "union",
    "var",
    "when",
]


def __getattr__(name: str) -> NoReturn:
    if name in SKETCHES:
        raise DefinitionError(
            f"there is no {name}: a sketch depends on the order of its events, so stream and batch would differ",
            where=caller(),
            allowed=SKETCHES[name],
        )
    if name in ELSEWHERE:
        raise DefinitionError(f"there is no {name}", where=caller(), allowed=ELSEWHERE[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
