"""A quicker import of Feast, for a process of our own."""

from __future__ import annotations

from typing import Any

import typeguard


def leave_feast_unchecked() -> None:
    """Makes ``typeguard.typechecked`` do nothing in this process.

    Typeguard compiles Feast's classes anew at every import: half of the time that importing Feast takes. Only the entry
    point of a command may call this, never a module that other programs import.
    """
    typeguard.typechecked = _unchecked


def _unchecked(target: Any = None, **options: Any) -> Any:
    return target if target is not None else _unchecked
