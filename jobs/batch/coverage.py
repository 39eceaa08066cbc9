"""Do the change points of a view reach over all that requests of a range rest on?"""

from __future__ import annotations

from pathlib import Path

from penstock.features.compilers.duckdb.view import ViewQuery
from penstock.features.errors import RefusedError, UsageError
from penstock.features.plan import ViewPlan
from penstock.features.span import Span
from penstock.jobs.batch.history import first_time
from penstock.jobs.batch.parts import ViewParts, part_files, read_part
from penstock.jobs.console.times import range_words, time_words
from penstock.jobs.project.project import Project


def check_coverage(project: Project, plan: ViewPlan, folder: Path, asked: Span) -> None:
    """Refuses parts in ``folder`` that do not hold, for every time of ``asked``, each key's newest change point.

    They must reach from the first event that can still count at ``asked.from_ms``, or from the first of all, to
    ``asked.to_ms``, without gaps. Raises UsageError, and RefusedError for change points of another definition.
    """
    check_parts(plan, folder)
    if plan.static:
        return
    covered = _covered(ViewParts(folder, plan), asked.from_ms)
    if covered is None or covered.to_ms < asked.to_ms:
        raise _not_covered(plan, folder, covered, asked)
    needed = _needed(project, plan, asked, covered)
    if covered.from_ms > needed:
        raise _not_covered(plan, folder, covered, Span(needed, asked.to_ms))


def covered_to(plan: ViewPlan, folder: Path) -> int:
    """Up to which time, exclusive, there are change points. Raises as ``check_parts``."""
    check_parts(plan, folder)
    return max(part.to_ms for part in ViewParts(folder, plan).all())


def _covered(parts: ViewParts, at: int) -> Span | None:
    """The range without gaps, over all parts, that holds ``at``."""
    joined: list[Span] = []
    for start, end in sorted((part.from_ms, part.to_ms) for part in parts.all()):
        if joined and start <= joined[-1].to_ms:
            joined[-1] = Span(joined[-1].from_ms, max(joined[-1].to_ms, end))
        else:
            joined.append(Span(start, end))
    return next((span for span in joined if span.from_ms <= at < span.to_ms), None)


def _needed(project: Project, plan: ViewPlan, asked: Span, covered: Span) -> int:
    """Where the parts must begin. The history is looked at only when it decides."""
    query = ViewQuery(plan)
    if not query.endless and covered.from_ms <= asked.from_ms - query.lookback_ms:
        return covered.from_ms
    first = first_time(project, plan.source.sources)
    if first is None:
        return covered.from_ms
    return first if query.endless else max(first, asked.from_ms - query.lookback_ms)


def _not_covered(plan: ViewPlan, folder: Path, covered: Span | None, needed: Span) -> UsageError:
    held = f"cover {range_words(covered)} only" if covered else f"do not cover {time_words(needed[0])}"
    return UsageError(
        f"the change points of {plan.name} {held}",
        where=str(folder),
        allowed=f"all of {range_words(needed)}: the times asked for, and what their features rest on",
        hint=f"run 'penstock backfill {plan.name}' over it, with a --to after its end",
    )


def check_parts(plan: ViewPlan, folder: Path) -> None:
    """Refuses change points of another plan, or none at all."""
    parts = part_files(folder)
    if not parts:
        raise UsageError(
            f"{plan.name} has no change points", where=str(folder), hint=f"run 'penstock backfill {plan.name}' first"
        )
    for part in parts:
        found = read_part(part).fingerprint
        if found != plan.fingerprint:
            raise RefusedError(
                f"the change points of {plan.name} were made by another definition: {found or 'no fingerprint'}",
                where=str(part),
                allowed=plan.fingerprint,
                hint=f"run 'penstock backfill {plan.name}' again",
            )
