"""The online store: rows in by compare-and-set on ``(t, seq)``, columns out, Feast's own layout underneath."""

from typing import Any

import typeguard


def _unchecked(target: Any = None, **options: Any) -> Any:
    return target if target is not None else _unchecked


# Typeguard compiles Feast's classes anew at every import, which is half of the seconds that importing Feast takes.
typeguard.typechecked = _unchecked
