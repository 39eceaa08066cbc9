"""Records that are sent."""

from __future__ import annotations

import base64
from pathlib import Path

import orjson

from penstock.features.ingest import BadEvent
from penstock.jobs.models.folder import load_current
from penstock.jobs.serving.answers import Answers, dead_letter
from penstock.jobs.serving.inputs import inputs_of
from penstock.jobs.serving.lineup import lineup_of
from penstock.jobs.serving.lookup import Lookup
from penstock.jobs.serving.parse import Parser
from penstock.jobs.serving.recent import Recent
from penstock.jobs.serving.requests import read_requests
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from penstock.jobs.store.schema import schema_of
from tests.jobs.serving.running import train_model
from tests.jobs.serving.test_requests import record
from tests.jobs.shop import make_project


def test_the_bytes_of_predictions_and_letters_in_the_order_of_their_requests(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    plan = project.model("cost").model_plan
    model, inputs = load_current(train_model(tmp_path, plan), plan), inputs_of(plan, project.plans)
    values = [
        b'{"ts": 7, "order": "a\\"", "customer": "ann", "shop": "s1", "city": "x", "amount": 0.1, "items": 2}',
        b"{}",
        b'{"ts": 8, "order": "b", "shop": "s1", "items": 9223372036854775807}',
        b'{"ts": 9.5, "placed": 5, "city": "x", "amount": -0.0}',
    ]
    with open_store(tmp_path) as store:
        store.write_rows(schema_of(project.plans["customer"]), [FeatureRow(("ann",), 8, 3, (1, 2, 1 / 3, None))])
        store.write_rows(schema_of(project.plans["shops"]), [FeatureRow(("s1",), 0, 0, ("kiosk", 123))])
        requests = read_requests(Parser(plan.on), [record(value, i) for i, value in enumerate(values)], 0.0)
        Lookup(inputs, store).read([r for r in requests if r.bad is None], [], 0.0)
        first, none, beyond, last = Answers(project.config, plan, inputs, lineup_of(model), Recent()).make(requests)
    assert [orjson.loads(letter.value)["error"] for letter in (none, beyond)] == ["missing time", "overflow"]
    assert (first.key, last.key) == (b"orders-0-0", b"orders-0-3")
    ann, shop = {"customer": "ann"}, {"shop": "s1"}
    assert first.value == _record(
        "orders-0-0",
        orjson.loads(first.value)["value"],
        f'{{"model":"cost","version":"{model.version}","alias":"current","runtime":"{model.runtime}","fingerprint":"{plan.fingerprint}"}}',
        7,
        {"customer": (ann, 8, 3), "big": (shop, None, None), "routes": ({**shop, "city": "x"}, None, None)}
        | {"shops": (shop, 0, 0), "weather": ({"city": "x"}, None, None)}
        | {"hub": ({**shop, "city": "x"}, None, None)},
        orjson.loads(first.value)["vector"],
        'a"',
    )
    vector = orjson.loads(last.value)["vector"]
    assert list(vector) == [str(item.name) for item in plan.vector]
    assert (vector["placed"], vector["amount"], vector["wet"], vector["shops.kind"]) == (5, 0.0, False, None)
    assert b'"amount":0.0,"items":null,"gift":null,"placed":5,"city":"x"' in last.value
    assert b'"customer.amount_10s":0.3333333333333333' in first.value


def test_a_request_whose_prediction_no_topic_would_take_is_answered_by_a_dead_letter(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    plan = project.model("cost").model_plan
    model, inputs = load_current(train_model(tmp_path, plan), plan), inputs_of(plan, project.plans)
    # the city stands in the vector and in the keys of three inputs
    values = [orjson.dumps({"ts": 7, "city": "x" * size}) for size in (240_000, 260_000)]
    with open_store(tmp_path) as store:
        requests = read_requests(Parser(plan.on), [record(value, i) for i, value in enumerate(values)], 0.0)
        Lookup(inputs, store).read(requests, [], 0.0)
        fits, beyond = Answers(project.config, plan, inputs, lineup_of(model), Recent()).make(requests)
    assert (fits.topic, orjson.loads(fits.value)["id"]) == (plan.output, "orders-0-0")
    letter = orjson.loads(beyond.value)
    assert (beyond.topic, letter["offset"], letter["error"]) == ("shop.dead_letters", 1, "too long")
    assert base64.b64decode(letter["raw"]) == values[1]


def _record(id: str, value: float, words: str, t: int, views: object, vector: object, event: str) -> bytes:
    """A prediction written field by field."""
    read = {n: {"view": "routes" if n == "hub" else n, "key": k, "t": t, "seq": s} for n, (k, t, s) in views.items()}  # type: ignore[attr-defined]
    start = orjson.dumps({"id": id, "value": value})[:-1] + b"," + words.encode()[1:-1]
    rest = {
        "t": t,
        "requested_at": 5_000,
        "views": read,
        "vector": vector,
        "stale": False,
        "ahead_ms": 1,  # the customer's row is of the next millisecond
        "event": event,
    }
    return start + b"," + orjson.dumps(rest)[1:]


def test_a_dead_letter_has_the_form_of_the_streams() -> None:
    value, headers = dead_letter("infer cost", "orders", record(b"\xffraw", 9, 2), BadEvent("not json", "bad byte"))
    assert headers == [("error", b"not json")]
    assert list(orjson.loads(value).items()) == [
        ("job", "infer cost"),
        ("topic", "orders"),
        ("partition", 2),
        ("offset", 9),
        ("source", "orders"),
        ("view", None),
        ("error", "not json"),
        ("detail", "bad byte"),
        ("raw", base64.b64encode(b"\xffraw").decode()),
    ]


def test_a_record_without_a_value_has_no_raw_bytes() -> None:
    value, _ = dead_letter("infer cost", "orders", record(None), BadEvent("not json", "nothing"))
    assert orjson.loads(value)["raw"] == ""


def test_raw_bytes_that_no_record_can_hold_are_left_out_and_that_is_said() -> None:
    value, _ = dead_letter("infer cost", "orders", record(b"x" * 1_000_000, 4), BadEvent("not json", "long"))
    letter = orjson.loads(value)
    assert letter["raw"] is None and letter["offset"] == 4
    assert letter["detail"] == "long (1000000 raw bytes are too many to repeat)"
