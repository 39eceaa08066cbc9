"""Penstock's column types as Feast names them."""

from __future__ import annotations

from feast import ValueType
from feast.types import Array, Bool, FeastType, Float32, Float64, Int64, String, UnixTimestamp

from penstock.features.dimensions import VECTORS
from penstock.features.types import list_of

FEATURE_TYPES: dict[str, FeastType] = {
    "int64": Int64,
    "float64": Float64,
    "string": String,
    "bool": Bool,
    "timestamp": UnixTimestamp,
}
FEATURE_TYPES |= {list_of(name): Array(type) for name, type in FEATURE_TYPES.items()}
FEATURE_TYPES[VECTORS] = Array(Float32)

KEY_TYPES: dict[str, ValueType] = {"int64": ValueType.INT64, "string": ValueType.STRING}
KEY_FIELDS: dict[str, FeastType] = {"int64": Int64, "string": String}
