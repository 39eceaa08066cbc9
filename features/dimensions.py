"""Vectors: a fixed number of float32 as one value, such as an embedding."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable

#: As what engines and stores keep a vector: their lists have no length of their own.
VECTORS = "list<float32>"
#: Elements of a vector at most.
MAX_DIMENSIONS = 4_096

_VECTOR = re.compile(r"float32\[([1-9][0-9]{0,3})\]")


def dimensions(type: object) -> int | None:
    """How many elements a vector of this type has: 64 of ``float32[64]``; None where it is no vector."""
    vector = _VECTOR.fullmatch(type) if isinstance(type, str) else None
    return int(vector[1]) if vector is not None and int(vector[1]) <= MAX_DIMENSIONS else None


def kept_as(type: str) -> str:
    """The type as engines and stores name it: of a vector that of a list, of any other its own."""
    return type if dimensions(type) is None else VECTORS


def entries(name: str, type: str) -> tuple[str, ...]:
    """The numbers that a model reads of a feature: of a vector ``name.0``, ``name.1``, …; of any other its name."""
    size = dimensions(type)
    return (name,) if size is None else tuple(f"{name}.{place}" for place in range(size))


def as_float32(numbers: Iterable[float]) -> list[float]:
    """Each double as the nearest float32, halves to the even one, and ``-0.0`` as ``0.0``.

    Raises OverflowError for one beyond float32.
    """
    doubles = list(numbers)
    if any(map(math.isinf, doubles)):
        raise OverflowError
    form = f"<{len(doubles)}f"
    return [number + 0.0 for number in struct.unpack(form, struct.pack(form, *doubles))]
