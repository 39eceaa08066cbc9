"""The key of a feature row as JSON, as the records of feature topics have it."""

from __future__ import annotations

from typing import Any

import orjson

from penstock.features.canonical import canonical_json
from penstock.jobs.store.rows import ViewSchema

_INT64_LIMIT = 1 << 63


def parse_key(schema: ViewSchema, text: bytes | None) -> tuple[Any, ...] | None:
    """The key whose canonical JSON this is, in the schema's order; None where it is that of no key of the view.

    Kafka compares keys by their bytes: the same key in another form is another key.
    """
    try:
        key = orjson.loads(text or b"")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(key, dict) or canonical_json(key).encode() != text or len(key) != len(schema.key):
        return None
    if not all(_fits(type, key.get(name)) for name, type in schema.key):
        return None
    return tuple(key[name] for name, _ in schema.key)


def _fits(type: str, value: Any) -> bool:
    if type == "string":
        return isinstance(value, str)
    return isinstance(value, int) and not isinstance(value, bool) and -_INT64_LIMIT <= value < _INT64_LIMIT
