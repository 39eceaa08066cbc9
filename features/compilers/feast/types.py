"""Penstock's column types as Feast names them."""

from __future__ import annotations

from feast import ValueType
from feast.types import Bool, FeastType, Float64, Int64, String, UnixTimestamp

FEATURE_TYPES: dict[str, FeastType] = {
    "int64": Int64,
    "float64": Float64,
    "string": String,
    "bool": Bool,
    "timestamp": UnixTimestamp,
}

KEY_TYPES: dict[str, ValueType] = {"int64": ValueType.INT64, "string": ValueType.STRING}
KEY_FIELDS: dict[str, FeastType] = {"int64": Int64, "string": String}
