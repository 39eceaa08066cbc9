"""Canonical JSON (sorted keys, no white space, raw UTF-8) and its SHA-256."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """The one text of a JSON value. Doubles are written so that they read back to the same bits."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(text: str) -> str:
    """Hex SHA-256 of a plan's canonical JSON."""
    return hashlib.sha256(text.encode()).hexdigest()
