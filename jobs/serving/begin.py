"""Where a group begins that has committed nothing."""

from __future__ import annotations

from typing import Literal

#: With the requests to come, with the first that the topic has, or with those of this Kafka timestamp (in
#: milliseconds) and later.
Begin = Literal["latest", "earliest"] | int
