"""How far change points must reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.features.errors import RefusedError, UsageError
from penstock.features.span import Span
from penstock.jobs.batch.coverage import check_coverage
from penstock.jobs.project.project import Project
from tests.jobs.shop import DEFINITIONS, make_project, write_change_points, write_history

#: The view ``routes`` looks back 30 s, ``customer`` for ever; the first event is at FIRST.
FIRST, START, END = 50_000, 100_000, 200_000


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make_project(tmp_path)
    for source in ("orders", "deliveries"):
        write_history(
            made, source, [{"ts": FIRST, "order": "o"}, {"ts": None, "order": "bad"}, {"ts": END, "order": "p"}]
        )
    return made


def cover(project: Project, view: str, *spans: tuple[int, int]) -> None:
    for span in spans:
        write_change_points(project.change_points(view), project.plans[view], [], *span)


def check(project: Project, view: str, asked: tuple[int, int] = (START, END)) -> None:
    check_coverage(project, project.plans[view], project.change_points(view), Span(*asked))


def test_a_window_before_the_requests_is_far_enough(project: Project) -> None:
    cover(project, "routes", (START - 30_000, END))
    check(project, "routes")
    with pytest.raises(
        UsageError, match="the change points of routes cover 1970-01-01 00:01:10 to 1970-01-01 00:03:20"
    ):
        check(project, "routes", (START - 1, END))


def test_the_first_event_of_all_is_far_enough(project: Project) -> None:
    cover(project, "routes", (FIRST, END))
    check(project, "routes", (FIRST + 10, END))


def test_a_lifetime_needs_all_from_the_first_event(project: Project) -> None:
    cover(project, "customer", (FIRST + 1, END))
    with pytest.raises(UsageError, match="the change points of customer cover") as raised:
        check(project, "customer")
    assert str(raised.value.allowed).startswith("all of 1970-01-01 00:00:50 to 1970-01-01 00:03:20")
    cover(project, "customer", (FIRST, FIRST + 1))
    check(project, "customer")


def test_the_end_of_the_requests_must_be_reached(project: Project) -> None:
    cover(project, "routes", (0, END - 1))
    check(project, "routes", (START, END - 1))
    with pytest.raises(UsageError, match="cover 1970-01-01 00:00:00 to 1970-01-01 00:03:19 only"):
        check(project, "routes")


def test_parts_that_touch_or_overlap_are_one_range_and_a_gap_is_none(project: Project) -> None:
    cover(project, "routes", (0, 120_000), (110_000, 150_000), (150_000, END))
    check(project, "routes")
    (project.change_points("routes") / "part-150000-200000.parquet").unlink()
    cover(project, "routes", (150_001, END))
    with pytest.raises(UsageError, match="cover 1970-01-01 00:00:00 to 1970-01-01 00:02:30 only"):
        check(project, "routes")


def test_parts_elsewhere_are_said_not_to_cover_the_first_request(project: Project) -> None:
    cover(project, "routes", (0, START))
    with pytest.raises(UsageError, match="do not cover 1970-01-01 00:01:40") as raised:
        check(project, "routes")
    assert raised.value.hint == "run 'penstock backfill routes' over it, with a --to after its end"


def test_a_view_without_any_event_is_covered_by_any_part(project: Project) -> None:
    write_history(project, "orders", [])
    cover(project, "customer", (START, END))
    check(project, "customer")


def test_what_holds_for_all_time_needs_no_range(project: Project) -> None:
    cover(project, "shops", (0, 1))
    check(project, "shops")


def test_no_parts_and_parts_of_another_definition_are_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="routes has no change points"):
        check(project, "routes")
    other = make_project(tmp_path / "other", DEFINITIONS.replace("cost=mean", "cost=max"))
    write_change_points(project.change_points("routes"), other.plans["routes"], [], 0, END)
    with pytest.raises(RefusedError, match=other.plans["routes"].fingerprint):
        check(project, "routes")


def test_a_union_is_covered_from_the_first_event_of_any_of_its_streams(tmp_path: Path) -> None:
    text = """
from penstock import union
both = View("both", union(orders, deliveries), key="shop", features=dict(n=count().over(lifetime())))
"""
    made = make_project(tmp_path, DEFINITIONS + text)
    write_history(made, "orders", [{"ts": START, "order": "o"}])
    write_history(made, "deliveries", [{"ts": FIRST, "order": "o"}])
    cover(made, "both", (FIRST + 1, END))
    with pytest.raises(UsageError, match="the change points of both cover"):
        check(made, "both")
    cover(made, "both", (FIRST, END))
    check(made, "both")
