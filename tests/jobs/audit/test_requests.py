from __future__ import annotations

import pytest

from penstock.jobs.audit.requests import place_of, read_requests
from tests.jobs.story import Story


@pytest.mark.parametrize(
    ("id", "place"),
    [
        ("orders-0-17", ("orders", 0, 17)),
        ("my-orders.v2-12-0", ("my-orders.v2", 12, 0)),
        ("orders", None),
        ("orders-0", None),
        ("-0-1", None),
        ("orders-0-²", None),
    ],
)
def test_an_id_is_a_place(id: str, place: tuple[str, int, int] | None) -> None:
    assert place_of(id) == place


def test_requests_by_their_ids(story: Story) -> None:
    ids = [story.ids["stranger"], story.letter, story.ids["first"], "other-0-1", f"{story.topic}-0-999"]
    rows = read_requests(story.project, story.project.model("cost").model_plan, ids)
    assert {id: row["order"] for id, row in rows.items()} == {ids[0]: "stranger", ids[2]: "first"}
