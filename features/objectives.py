"""What a model learns to answer: its objective, the labels that fit it, and the form of its answers."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.features.errors import DefinitionError, did_you_mean
from penstock.features.location import caller
from penstock.features.types import NUMBERS

#: Forms of an answer: a number in the label's unit, the probability that the label is true, a probability for each
#: class, a number for each quantile, or a score whose order alone means something.
NUMBER, PROBABILITY, CLASSES, QUANTILES, SCORE = "number", "probability", "classes", "quantiles", "score"


@dataclass(frozen=True)
class Objective:
    """``name``: ours; ``lightgbm``: LightGBM's; ``labels``: the types that it learns; ``answer``: its form, such as
    ``NUMBER``; ``least`` and ``most``: bounds of the labels, None for any; ``parameter``: its own one, by LightGBM's
    name; ``monotone``: does LightGBM keep to such constraints with it? ``alphas``: of several quantiles, rising;
    ``crossing``: may the answer for a greater one be less?
    """

    name: str
    lightgbm: str
    answer: str = NUMBER
    labels: tuple[str, ...] = NUMBERS
    least: float | None = None
    most: float | None = None
    parameter: tuple[str, float] | None = None
    monotone: bool = True
    alphas: tuple[float, ...] = ()
    crossing: bool = False

    @property
    def of_outputs(self) -> tuple[Objective, ...]:
        """The objectives that are trained one by one: of several quantiles each, else this one alone."""
        return tuple(Objective.quantile(alpha) for alpha in self.alphas) or (self,)

    @staticmethod
    def quantile(alpha: float) -> Objective:
        """The value below which a share ``alpha`` of the labels lies. Raises DefinitionError unless 0 < alpha < 1."""
        return Objective("quantile", "quantile", parameter=("alpha", _between("quantile", alpha, 0, 1)), monotone=False)

    @staticmethod
    def quantiles(*alphas: float, crossing: bool = False) -> Objective:
        """Several quantiles in one answer. Where that of a greater share would be less, they are put in order;
        ``crossing``: they stay as they are. Raises DefinitionError unless the shares rise between 0 and 1.
        """
        shares = tuple(_between("quantiles", alpha, 0, 1) for alpha in alphas)
        if len(shares) < 2 or list(shares) != sorted(set(shares)):
            raise DefinitionError(
                f"quantiles({', '.join(map(repr, alphas))}) is not possible",
                where=caller(),
                allowed="two or more shares, each greater than the one before",
                hint="Objective.quantile(alpha) is of one" if len(shares) == 1 else None,
            )
        return Objective("quantiles", "quantile", QUANTILES, monotone=False, alphas=shares, crossing=crossing)

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
        more: dict[str, object] = {self.parameter[0]: self.parameter[1]} if self.parameter else {}
        more |= {"alphas": list(self.alphas)} if self.alphas else {}
        return {"name": self.name, **more} | ({"crossing": True} if self.crossing else {})


#: The mean absolute error. A model without objective= has it.
L1 = Objective("l1", "regression_l1", monotone=False)

#: The greatest grade of a ranking: LightGBM's gains are 2**grade - 1, and it has no greater one.
MOST_GRADE = 30

#: Those that need no parameter, by name.
OBJECTIVES = {
    objective.name: objective
    for objective in (
        L1,
        Objective("l2", "regression"),
        Objective("poisson", "poisson", least=0.0),
        Objective("binary", "binary", PROBABILITY, ("bool", "int64", "float64")),
        Objective("multiclass", "multiclass", CLASSES, ("string", "bool", "int64"), monotone=False),
        Objective("ranking", "lambdarank", SCORE, ("int64", "bool"), least=0.0, most=MOST_GRADE),
    )
}
_WITH_PARAMETERS = ("quantile(alpha)", "quantiles(alpha, …)", "huber(delta)", "tweedie(power)")
_ALLOWED = (*OBJECTIVES, *(f"Objective.{text}" for text in _WITH_PARAMETERS))


def objective_of(given: object) -> Objective:
    """The objective that a definition gives. Raises DefinitionError for anything else."""
    if given is None:
        return L1
    if isinstance(given, Objective):
        return given
    if isinstance(given, str) and given in OBJECTIVES:
        return OBJECTIVES[given]
    names = [*OBJECTIVES, *(text.partition("(")[0] for text in _WITH_PARAMETERS)]
    raise DefinitionError(
        f"{given!r} is not an objective",
        where=caller(),
        allowed=", ".join(_ALLOWED),
        hint=did_you_mean(given, names) if isinstance(given, str) else None,
    )


def label_hint(type: str) -> str | None:
    """Which objective learns labels of a type that few do."""
    return {
        "bool": "objective='binary' learns whether something holds",
        "string": "objective='multiclass' learns which of several texts it is",
    }.get(type)


def _between(name: str, value: float, low: float, high: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not low < value < high:
        raise DefinitionError(
            f"{name}({value!r}) is not possible",
            where=caller(),
            allowed=f"a number between {low} and {high}",
        )
    return float(value)
