"""What an inference job has committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass
class InferenceCounts:
    """``requests = predictions + dead``, all committed, in ``batches`` transactions; ``stale`` are the predictions made
    without the request's own event, ``lost`` the offsets of requests that were gone before they were read.
    """

    requests: int = 0
    predictions: int = 0
    dead: int = 0
    stale: int = 0
    batches: int = 0
    lost: int = 0

    def add(self, other: InferenceCounts) -> None:
        """Counts another one in."""
        for name, number in asdict(other).items():
            setattr(self, name, getattr(self, name) + number)

    def to_dict(self) -> dict[str, int]:
        """As JSON values."""
        return asdict(self)

    def summary(self) -> str:
        """One line."""
        return (
            f"{self.requests:,} requests: {self.predictions:,} predictions ({self.stale:,} stale), "
            f"{self.dead:,} dead letters, in {self.batches:,} transactions"
        )


#: Is called with the counts after each turn.
Progress = Callable[[InferenceCounts], None]
