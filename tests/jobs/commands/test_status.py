"""What ``penstock status`` prints: every number whole, on any terminal and piped."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from penstock.jobs.commands.status import UNKNOWN, shown
from penstock.jobs.kafka.lag import Progress
from penstock.jobs.kafka.letters import Letters, Refused
from penstock.jobs.streaming.overview import JobState, ModelState, Overview, ViewState, look
from penstock.jobs.streaming.status import CLASSES, kept_counted, late
from tests.projects import make_project

DEFINITIONS = """
from penstock import Model, Stream, View, count
orders = Stream("orders", topic="orders", time="ts", columns=dict(shop="string", cost="float64"))
view = View("view", orders, key="shop", features=dict(n=count().over("1h")))
cost = Model("cost", on=orders, inputs=[view], output="predictions.cost", label=orders.cost)
"""

NUMBERS = {name: 1_234_567_890 + number for number, name in enumerate(CLASSES)}


def overview() -> Overview:
    reached = Progress(9_876_543_210, 9_111_111_111)
    views = [
        ViewState(f"traffic_of_the_carriers_{i}", "orders", "flights.departures", NUMBERS, reached, reached)
        for i in range(2)
    ]
    models = [ModelState("cost", "20131101T000000Z-0123456789ab", "orders", reached)]
    refused = [Refused("infer cost", "orders", None, "not json", 4_444_444_444)]
    letters = Letters(8_888_888_888, 5_555_555_555, refused, True)
    return Overview(
        "127.0.0.1:9092",
        None,
        JobState("RUNNING", 2, 1.5),
        views,
        models,
        {},
        None,
        letters,
        {},
        ["9 of 9 times of orders lie in January 1970"],
    )


def printed(found: Overview, width: int, terminal: bool) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, soft_wrap=True)
    console.print(shown(found, console))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("width", [40, 80, 120, 400])
def test_no_number_is_cut(width: int, terminal: bool) -> None:
    text = printed(overview(), width, terminal)
    lag = 9_876_543_210 - 9_111_111_111
    for number in (*NUMBERS.values(), 9_876_543_210, lag, 8_888_888_888, 5_555_555_555, 4_444_444_444):
        assert f"{number:,}" in text
    assert "…" not in text
    if terminal:
        assert max(map(len, text.splitlines())) <= width


def test_what_is_piped_has_a_line_for_each_view() -> None:
    lines = printed(overview(), 80, False).splitlines()
    (line,) = (line for line in lines if "flights" in line and "carriers_1" in line)
    assert re.findall(r"[\d,]{13}", line) == [
        "9,876,543,210",
        *(f"{number:,}" for number in NUMBERS.values()),
        "9,876,543,210",
    ]


def test_names_from_a_topic_are_no_markup_and_no_escapes() -> None:
    letters = Letters(1, 1, [Refused("[/]", "[red]x", "\x1b[2J", "not json", 1)], True)
    for width in (30, 200):
        text = printed(replace(overview(), letters=letters), width, True)
        assert "[/]" in text and "[red]x" in text and "\x1b[2J" not in text


def test_what_nobody_knows_is_not_zero(tmp_path: Path) -> None:
    project = make_project(tmp_path, DEFINITIONS)
    found = look(project)
    assert found.letters is None and found.counted_at is None
    (view,), (model,) = found.views, found.models
    assert (view.counts, view.read, view.written, model.requests) == (None, None, None, None)
    text = printed(found, 200, False)
    assert text.count(UNKNOWN) == 1 + 4 + len(CLASSES) + 2 and not re.search(r"\b0\b", text.split("views")[1])


def test_counts_that_were_kept_have_their_time(tmp_path: Path) -> None:
    project = make_project(tmp_path, DEFINITIONS)
    assert kept_counted(project) is None
    file = project.config.state / "stream" / "counts.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"t": 1000, "events": [["view", "orders", {"applied": 7}]], "dead": {"orders": {"not json": 3}}}')
    found = look(project)
    assert found.counted_at == 1000 and found.views[0].counts == {"applied": 7}
    text = printed(found, 200, False)
    assert "does not run; its counts are of 1970-01-01 00:00:01" in text
    file.write_text("{")
    assert kept_counted(project) is None


def test_a_source_with_more_than_one_percent_too_late_is_told() -> None:
    rare = {"applied": 990, "too_late": 10, "duplicate": 0, "dead": 0}
    assert late({("v", "a"): rare, ("v", "b"): {}}) == []
    (told,) = late({("v", "a"): rare | {"too_late": 11}})
    assert "v: 11 of 1,001 events of a (1.1 %) came too late" in told.words
    text = printed(overview(), 400, True)
    assert "more than 1 % too late" in text and "20.0 %" in text
