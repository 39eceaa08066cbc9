"""Penstock: one feature definition, compiled into a stream job and a batch job.

``from penstock import Stream, View, count`` is the language of definitions (``penstock.features``). Its names are
loaded on first use, so that ``import penstock`` alone costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.features import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if name.startswith("__") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("penstock.features"), name)


def __dir__() -> list[str]:
    return sorted(__getattr__("__all__"))
