"""Aggregates over the time after a request: labels, and never features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from penstock.features.aggregates import Decayed
from penstock.features.errors import DefinitionError, Mistakes
from penstock.features.expressions import Expr
from penstock.features.feature import Feature
from penstock.features.inputs import Read
from penstock.features.sources import Stream
from penstock.features.union import Union
from penstock.features.view import View
from penstock.features.windows import Window


class Future(Read):
    """Aggregates over windows of the time after a request, by key: what a label is made of.

    For a request at ``t`` the window ``"7d"`` has the events with ``t < time <= t + 7d``. ``key``, ``features`` and
    ``filter`` as in a ``View``; the windows are durations. ``.at(key="column")`` looks up by other request columns.
    """

    ahead = True

    def __init__(
        self,
        name: str,
        source: Stream | Union,
        *,
        key: str | Sequence[str],
        features: Mapping[str, Feature],
        filter: Expr | None = None,
    ) -> None:
        view = View(name, source, key=key, features=features, filter=filter)
        mistakes = Mistakes()
        for feature_name, feature in features.items():
            with mistakes.caught():
                _check(feature_name, feature)
        mistakes.raise_found()
        self.name, self.source, self.plan = view.name, source, view.plan


def _check(name: str, feature: Feature) -> None:
    if isinstance(feature.aggregate, Decayed):
        raise DefinitionError(
            f"{name} weighs an event by its age, and events after a request have none",
            where=feature.place,
            allowed="aggregates that do not decay",
        )
    for window in feature.windows:
        if not _plain(window):
            more = " with a step or a delay" if window.kind == "sliding" else ""
            raise DefinitionError(
                f"{name} is over {window.name}{more}, which is no length of time after a request",
                where=feature.place,
                allowed="durations such as '7d'",
            )


def _plain(window: Window) -> bool:
    return window.kind == "sliding" and not window.step_ms and not window.delay_ms
