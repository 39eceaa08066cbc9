"""From a view's definition to its plan: plain functions, run in the order of ``PASSES``.

Each takes a draft and returns the next one, in which one more of the plan's fields is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from penstock.features.aggregates import Decayed
from penstock.features.canonical import canonical_json
from penstock.features.decay import half_lives
from penstock.features.errors import DefinitionError
from penstock.features.expressions import Expr
from penstock.features.feature import Feature
from penstock.features.location import caller
from penstock.features.plan import ArgPlan, FeaturePlan, KeyPlan, SourcePlan, UnionPlan, ViewPlan
from penstock.features.row_size import LEAST_BYTES, ROW_BYTES
from penstock.features.types import DEFAULT_PLACES
from penstock.features.windows import Window


class Single(NamedTuple):
    """One aggregate over one window, with the name of its feature."""

    name: str
    feature: Feature
    window: Window


@dataclass(frozen=True)
class Draft:
    """A view on its way to a plan. ``features``: as written. Each other field is empty until its pass has run."""

    kind: str
    name: str
    features: Mapping[str, Feature]
    singles: tuple[Single, ...] = ()
    windows: tuple[Window, ...] = ()
    wheres: tuple[Expr, ...] = ()
    args: tuple[ArgPlan, ...] = ()
    planned: tuple[FeaturePlan, ...] = ()


#: The stream keeps an event's nulls and conditions as the bits of one 64-bit word each, with two more bits of its own.
MOST_ARGS, MOST_WHERES = 64, 62


def expand_windows(draft: Draft) -> Draft:
    """One single feature for each aggregate and window, named ``<feature>_<window>``."""
    singles = tuple(
        Single(f"{name}_{window.name}" if draft.kind == "view" else name, feature, window)
        for name, feature in draft.features.items()
        for window in feature.windows
    )
    return replace(draft, singles=singles)


def share_windows(draft: Draft) -> Draft:
    """Each distinct window once, in order of first use; of what decays, one for each half-life."""
    used = (half_lives(window, _half_life(feature)) for _, feature, window in draft.singles)
    return replace(draft, windows=tuple(dict.fromkeys(window for windows in used for window in windows)))


def share_wheres(draft: Draft) -> Draft:
    """Each distinct where= condition once: equal conditions are evaluated once per event."""
    return replace(draft, wheres=_distinct(f.where for _, f, _ in draft.singles if f.where is not None))


def share_args(draft: Draft) -> Draft:
    """Each distinct argument once, with the decimal places that its sums keep."""
    summed = {_text(f.arg) for _, f, _ in draft.singles if f.arg is not None and f.aggregate.scaled}
    args = _distinct(arg for _, f, _ in draft.singles for arg in (f.arg, f.by) if arg is not None)
    return replace(draft, args=tuple(ArgPlan(arg, arg.type, _places(arg, _text(arg) in summed)) for arg in args))


def number_features(draft: Draft) -> Draft:
    """Features that refer to the shared parts by index."""
    args = [_text(arg.expr) for arg in draft.args]
    wheres = [_text(where) for where in draft.wheres]

    def plan(name: str, feature: Feature, window: Window) -> FeaturePlan:
        arg = args.index(_text(feature.arg)) if feature.arg is not None else None
        where = wheres.index(_text(feature.where)) if feature.where is not None else None
        type = feature.aggregate.type(feature.arg.type if feature.arg is not None else None)
        by = args.index(_text(feature.by)) if feature.by is not None else None
        *ages, place = (draft.windows.index(w) for w in half_lives(window, _half_life(feature)))
        decay = (*ages, place) if _half_life(feature) is not None else ()
        return FeaturePlan(name, feature.aggregate, arg, where, place, type, by, decay)

    return replace(draft, planned=tuple(plan(*single) for single in draft.singles))


def check_size(draft: Draft) -> Draft:
    """Refuses a view with more distinct arguments or conditions than an engine carries."""
    for what, parts, most in (
        ("arguments", draft.args, MOST_ARGS),
        ("where= conditions", draft.wheres, MOST_WHERES),
    ):
        if len(parts) > most:
            raise DefinitionError(
                f"{draft.name} has {len(parts)} different {what}",
                where=caller(),
                allowed=f"at most {most}, each over any number of windows",
                hint=f"make two {draft.kind}s of it",
            )
    return draft


PASSES: tuple[Callable[[Draft], Draft], ...] = (
    expand_windows,
    share_windows,
    share_wheres,
    share_args,
    check_size,
    number_features,
)


def plan_view(
    kind: str,
    name: str,
    source: SourcePlan | UnionPlan,
    key: tuple[str, ...],
    filter: Expr | None,
    features: Mapping[str, Feature],
) -> ViewPlan:
    """Runs the passes. ``features``: each with its windows."""
    draft = Draft(kind, name, features)
    for step in PASSES:
        draft = step(draft)
    plan = ViewPlan(
        kind,
        name,
        source,
        tuple(KeyPlan(column, source.column(column).type) for column in key),
        filter,
        draft.args,
        draft.wheres,
        draft.windows,
        draft.planned,
    )
    _check_rows(plan)
    return plan


def _check_rows(plan: ViewPlan) -> None:
    if plan.text_limit < LEAST_BYTES:
        raise DefinitionError(
            f"the rows of {plan.name} can be too large: {sum(feature.most for feature in plan.features)} values",
            where=caller(),
            allowed=f"rows of at most {ROW_BYTES} bytes, whose texts have {LEAST_BYTES} bytes of it each",
            hint=f"shorter lists, fewer windows, or two {plan.kind}s",
        )


def _half_life(feature: Feature) -> int | None:
    return feature.aggregate.half_life_ms if isinstance(feature.aggregate, Decayed) else None


def _text(expr: Expr) -> str:
    # two columns of unlike places are not the same sum
    return canonical_json([expr.to_json(), expr.places])


def _distinct(exprs: Iterable[Expr]) -> tuple[Expr, ...]:
    return tuple({_text(expr): expr for expr in exprs}.values())


def _places(arg: Expr, summed: bool) -> int | None:
    if not summed:
        return None
    if arg.type == "int64":
        return 0
    return arg.places if arg.places is not None else DEFAULT_PLACES
