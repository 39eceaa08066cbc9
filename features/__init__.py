"""Penstock's language: one definition, compiled into a stream job and a batch job."""

from features.aggregates import (
    argmax,
    argmin,
    count,
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
from features.choice import when
from features.definitions import Model, Stream, Table, View, union
from features.errors import DefinitionError, PenstockError
from features.expressions import coalesce, concat, literal
from features.types import column
from features.windows import calendar, hopping, lifetime, session, sliding

__all__ = [
    "DefinitionError",
    "Model",
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
    "distinct",
    "first",
    "first_k",
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
