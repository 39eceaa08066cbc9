"""A feature as a definition writes it: an aggregate over windows, without a name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NoReturn

from penstock.features.aggregates import AnyAggregate, Decayed
from penstock.features.decay import check_decay
from penstock.features.errors import DefinitionError, for_each
from penstock.features.expressions import Expr
from penstock.features.location import caller
from penstock.features.windows import Window, as_window


@dataclass(frozen=True)
class Feature:
    """An aggregate over windows, before it has a name. ``over`` gives it its windows."""

    aggregate: AnyAggregate
    arg: Expr | None
    where: Expr | None
    windows: tuple[Window, ...] = ()
    place: str = field(default_factory=caller, compare=False)
    by: Expr | None = None

    def over(self, *windows: str | Window) -> Feature:
        """The same aggregate over each of these windows: one feature for each."""
        return replace(self, windows=for_each(windows, self._window), place=caller())

    def _window(self, given: object) -> Window:
        window = as_window(given)
        if isinstance(self.aggregate, Decayed):
            check_decay(self.aggregate.name, window, self.aggregate.half_life_ms)
        return window


def _refused(self: Feature, *operands: object) -> NoReturn:
    raise DefinitionError(
        f"{self.aggregate.name} is a feature, and features are not combined in a view",
        where=caller(),
        allowed="expressions over columns inside the aggregate: sum(a - b)",
        hint="a model combines features: derived=dict(name=view.sum_1h / view.count_1h)",
    )


for _operator in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor"):
    setattr(Feature, f"__{_operator}__", _refused)
    setattr(Feature, f"__r{_operator}__", _refused)
for _operator in ("neg", "pos", "abs", "invert", "lt", "le", "gt", "ge", "bool"):
    setattr(Feature, f"__{_operator}__", _refused)
