"""What a model learns to answer: its objective, the labels that fit it, and the form of its answers."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.features.errors import DefinitionError, did_you_mean
from penstock.features.location import caller
from penstock.features.types import NUMBERS

#: Forms of an answer: a number in the label's unit, or the probability that the label is true.
NUMBER, PROBABILITY = "number", "probability"


@dataclass(frozen=True)
class Objective:
    """``name``: ours; ``lightgbm``: LightGBM's; ``labels``: the types that it learns; ``answer``: ``NUMBER`` or
    ``PROBABILITY``; ``least``: the least label, None for any; ``parameter``: its own one, by LightGBM's name;
    ``monotone``: does LightGBM keep to such constraints with it?
    """

    name: str
    lightgbm: str
    answer: str = NUMBER
    labels: tuple[str, ...] = NUMBERS
    least: float | None = None
    parameter: tuple[str, float] | None = None
    monotone: bool = True

    @staticmethod
    def quantile(alpha: float) -> Objective:
        """The value below which a share ``alpha`` of the labels lies. Raises DefinitionError unless 0 < alpha < 1."""
        return Objective("quantile", "quantile", parameter=("alpha", _between("quantile", alpha, 0, 1)), monotone=False)

    @staticmethod
    def huber(delta: float) -> Objective:
        """Squared errors up to ``delta``, absolute ones beyond. Raises DefinitionError unless delta is positive."""
        return Objective("huber", "huber", parameter=("alpha", _between("huber", delta, 0, float("inf"))))

    @staticmethod
    def tweedie(power: float) -> Objective:
        """Amounts that are often zero: 1 is Poisson, 2 is Gamma. Raises DefinitionError unless 1 < power < 2."""
        power = _between("tweedie", power, 1, 2)
        return Objective("tweedie", "tweedie", least=0.0, parameter=("tweedie_variance_power", power))

    def to_dict(self) -> dict[str, object]:
        """As JSON values, for the plan."""
        return {"name": self.name} | ({self.parameter[0]: self.parameter[1]} if self.parameter else {})


#: The mean absolute error. A model without objective= has it.
L1 = Objective("l1", "regression_l1", monotone=False)

#: Those that need no parameter, by name.
OBJECTIVES = {
    objective.name: objective
    for objective in (
        L1,
        Objective("l2", "regression"),
        Objective("poisson", "poisson", least=0.0),
        Objective("binary", "binary", PROBABILITY, ("bool", "int64", "float64")),
    )
}
_ALLOWED = (*OBJECTIVES, "Objective.quantile(alpha)", "Objective.huber(delta)", "Objective.tweedie(power)")


def objective_of(given: object) -> Objective:
    """The objective that a definition gives. Raises DefinitionError for anything else."""
    if given is None:
        return L1
    if isinstance(given, Objective):
        return given
    if isinstance(given, str) and given in OBJECTIVES:
        return OBJECTIVES[given]
    raise DefinitionError(
        f"{given!r} is not an objective",
        where=caller(),
        allowed=", ".join(_ALLOWED),
        hint=did_you_mean(given, [*OBJECTIVES, "quantile", "huber", "tweedie"]) if isinstance(given, str) else None,
    )


def _between(name: str, value: float, low: float, high: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not low < value < high:
        raise DefinitionError(
            f"{name}({value!r}) is not possible",
            where=caller(),
            allowed=f"a number between {low} and {high}",
        )
    return float(value)
