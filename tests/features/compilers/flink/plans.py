"""Small plans for the tests of this folder."""

from __future__ import annotations

import json
from typing import Any

from penstock.features.plan import ViewPlan


def column(name: str, type: str) -> dict[str, Any]:
    """A column's node."""
    return {"op": "column", "name": name, "type": type}


def literal(value: object, type: str) -> dict[str, Any]:
    """A literal's node."""
    return {"op": "literal", "value": value, "type": type}


def operate(op: str, type: str, *args: dict[str, Any]) -> dict[str, Any]:
    """An operator's node."""
    return {"op": op, "args": list(args), "type": type}


def window(size: int, step: int = 0) -> dict[str, Any]:
    """A sliding window, in milliseconds."""
    return {"kind": "sliding", "name": f"{size}", "size_ms": size, "step_ms": step, "delay_ms": 0}


LIFETIME = {"kind": "lifetime", "name": "lifetime", "size_ms": 0, "step_ms": 0, "delay_ms": 0}

COLUMNS = {"ts": "timestamp", "id": "string", "k": "string", "x": "float64", "n": "int64", "b": "bool"}

FEATURES = (("count", None, "int64"), ("sum", 0, "float64"), ("mean", 0, "float64"), ("min", 0, "float64"))


def source(name: str) -> dict[str, Any]:
    """A source with ids."""
    return {
        "name": name,
        "time": "ts",
        "id": "id",
        "op": None,
        "columns": [{"name": n, "type": t, "nullable": n != "ts"} for n, t in COLUMNS.items()],
        "lateness_ms": 1000,
        "max_ahead_ms": 3_600_000,
        "disorder_ms": 0,
    }


def over_union(*names: str, **changes: Any) -> ViewPlan:
    """The same over the union of such sources."""
    return plan(source={"union": [source(name) for name in names]}, **changes)


def plan(name: str = "v", **changes: Any) -> ViewPlan:
    """A view of key ``k`` with four features of ``x`` over each window; ``changes`` replace parts of its JSON."""
    windows = changes.pop("windows", [window(10), window(100)])
    features = [
        {"name": f"{aggregate}_{w}", "aggregate": aggregate, "arg": arg, "where": None, "window": w, "type": type}
        for w in range(len(windows))
        for aggregate, arg, type in FEATURES
    ]
    base = {
        "format": 1,
        "kind": "view",
        "name": name,
        "source": source("src"),
        "key": [{"name": "k", "type": "string"}],
        "filter": None,
        "args": [{"expr": column("x", "float64"), "type": "float64", "places": 6}],
        "wheres": [],
        "windows": windows,
        "features": features,
    }
    return ViewPlan.from_json(json.dumps({**base, **changes}))
