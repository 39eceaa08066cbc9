"""What is read from the topics of predictions and labels, and which models cannot be followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from penstock.features.errors import UsageError
from penstock.jobs.ledger.joining import Joining
from penstock.jobs.project.project import Project
from tests.projects import make_project

DEFINITIONS = """
from penstock import Future, Model, Stream, count

orders = Stream("orders", topic="orders", time="ts", id="id",
    columns=dict(id="string", customer="string", x="float64", own="float64"))
paid = Stream("paid", topic="paid", history="paid/*.parquet", time="ts", id="id",
    columns=dict(id="string", y="float64", n="int64", op="string"))
model = Model("cost", on=orders, inputs=[orders.x], output="predictions", LABEL)
"""


class Record(NamedTuple):
    value: bytes | None
    offset: int = 7
    topic: str = "orders"
    partition: int = 1
    timestamp: int = 10**12
    key: bytes | None = None
    headers: tuple[Any, ...] = ()


def joined(folder: Path, label: str = "label=paid.y", change: Any = lambda text: text) -> tuple[Joining, Project]:
    project = make_project(folder, change(DEFINITIONS.replace("LABEL", label)))
    return Joining(project, project.model("cost").model_plan), project


def prediction(project: Project, **more: Any) -> dict[str, Any]:
    fingerprint = project.model("cost").model_plan.fingerprint
    own = {"id": "orders-0-3", "version": "v", "model": "cost", "fingerprint": fingerprint, "t": 5, "event": "e1"}
    return {**own, "value": 1.5, "vector": {"x": None}, **more}


def test_predictions_of_others_are_left_out(tmp_path: Path) -> None:
    joining, project = joined(tmp_path)
    values = [prediction(project), prediction(project, model="other"), prediction(project, fingerprint="f")]
    records = [Record(orjson.dumps(value)) for value in values] + [Record(b"{"), Record(None), Record(b"[1]")]
    (answer,) = joining.answers(records)
    assert (answer.id, answer.version, answer.event, answer.t) == ("orders-0-3", "v", '"e1"', 5)
    assert (answer.value, answer.vector, joining.foreign) == (b"1.5", b'{"x":null}', 1)


def test_a_label_is_an_expression_over_its_event(tmp_path: Path) -> None:
    joining, _ = joined(tmp_path, "label=paid.n * 2 + 1")
    rows = [{"id": "e1", "n": 4, "ts": 9}, {"id": "e2", "n": None, "ts": 8}, {"id": None, "n": 1, "ts": 8}]
    records = [Record(orjson.dumps(row), n) for n, row in enumerate(rows)]
    records += [Record(b"{", 3), Record(orjson.dumps({"id": "e3", "n": 2**62, "ts": 7}), 4)]
    outcomes = joining.outcomes(records)
    assert [(each.event, each.t, each.offset, each.label) for each in outcomes] == [
        ('"e1"', 9, 0, 9),
        ('"e2"', 8, 1, None),
        ('"e3"', 7, 4, None),
    ]
    assert joining.refused == 1


def test_a_request_may_have_its_own_label(tmp_path: Path) -> None:
    joining, project = joined(tmp_path, "label=orders.own")
    (outcome,) = joining.outcomes([Record(orjson.dumps({"id": "e1", "own": 2.5, "ts": 9}))])
    assert (outcome.event, outcome.label) == ('"orders-1-7"', 2.5)
    (answer,) = joining.answers([Record(orjson.dumps(prediction(project, id="orders-1-7")))])
    assert answer.event == outcome.event


@pytest.mark.parametrize(
    ("label", "change", "message"),
    [
        ("", lambda text: text, "cost has no label"),
        ("label=paid.y", lambda text: text.replace('topic="paid", ', ""), "come on no topic"),
        ("label=paid.y", lambda text: text.replace('topic="paid"', 'topic="paid", op="op"'), "change"),
        ("label=paid.n, objective='ranking', group=orders.customer", lambda text: text, "cost ranks"),
        (
            "label=Future('week', orders, key='customer', features=dict(n=count().over('7d'))).n_7d",
            lambda text: text,
            "is of a Future",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path: Path, label: str, change: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        joined(tmp_path, label, change)
