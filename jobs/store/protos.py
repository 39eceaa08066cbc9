"""Rows as Feast hands them to an online store, in the form of our own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from feast import FeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from penstock.features.compilers.feast.types import FEATURE_TYPES
from penstock.jobs.store.bulk import EncodedRows
from penstock.jobs.store.rows import Batch

FeastRow = tuple[EntityKey, dict[str, Value], datetime, datetime | None]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NULL = Value()
#: Feast's types and ours; cells of any other are only passed on.
_TYPES = {str(feast): name for name, feast in FEATURE_TYPES.items()}


def encode_feast_rows(view: FeatureView, data: Sequence[FeastRow], key_version: int) -> EncodedRows:
    """The rows with ``t`` floored to milliseconds and seq 0. Their generation is Feast's time of creation, or now.

    A feature of the view that a row leaves out becomes null: two rows' features are never mixed.
    """
    times = [_milliseconds(row[2]) for row in data]
    now = time.time_ns() // 1_000_000
    features = tuple((feature.name, _TYPES.get(str(feature.dtype), str(feature.dtype))) for feature in view.features)
    return EncodedRows(
        [serialize_entity_key(row[0], entity_key_serialization_version=key_version) for row in data],
        times,
        [0] * len(data),
        features,
        [[row[1].get(name, _NULL).SerializeToString() for row in data] for name, _ in features],
        [Batch(_milliseconds(row[3]) if row[3] else now, t) for row, t in zip(data, times, strict=True)],
    )


def _milliseconds(moment: datetime) -> int:
    """A time without a zone is UTC, as everywhere in Feast."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND
