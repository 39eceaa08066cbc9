"""Requests over HTTP have the answers that the same requests have on Kafka, each its own."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from penstock.jobs.http.body import BodyRecord
from penstock.jobs.models.folder import load_current
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.project.project import Project
from penstock.jobs.serving.answers import Answers
from penstock.jobs.serving.inputs import inputs_of
from penstock.jobs.serving.lineup import lineup_of
from penstock.jobs.serving.lookup import Lookup
from penstock.jobs.serving.parse import Parser
from penstock.jobs.serving.recent import Recent
from penstock.jobs.serving.requests import read_requests
from penstock.jobs.store.open import open_store
from tests.jobs.http.serving import Server, ask, order

CLIENTS, TURNS = 64, 5
PREDICT = "/models/cost/predict"


def on_kafka(project: Project, orders: list[dict[str, Any]]) -> list[bytes]:
    """The predictions that the inference job sends for these records, without their place and time on Kafka."""
    plan = project.model("cost").model_plan
    model, inputs = load_current(project.config.state / "models", plan), inputs_of(plan, project.plans)
    take_over(model)
    requests = read_requests(Parser(plan.on), [BodyRecord(orjson.dumps(one)) for one in orders], 0.0)
    with open_store(project.folder) as store:
        Lookup(inputs, store).read(requests, [], 1.0)
        messages = Answers(project.config, plan, inputs, lineup_of(model), Recent()).make(requests)
    return [plain(orjson.loads(message.value or b"")) for message in messages]


def plain(prediction: dict[str, Any]) -> bytes:
    """As bytes, so that every bit counts."""
    return orjson.dumps({name: value for name, value in prediction.items() if name not in ("id", "requested_at")})


def test_one_request_and_many_have_the_bits_that_kafka_has(shop: Project, server: Server) -> None:
    orders = [order(number) for number in range(20)]
    wanted = on_kafka(shop, orders)
    one = server.ask(f"{PREDICT}?vector=true", orders[0])
    assert (one.status, one.headers["content-type"], one.body) == (200, "application/json", wanted[0])
    many = server.ask(f"{PREDICT}?vector=true", orders)
    assert many.body == b"[" + b",".join(wanted) + b"]"
    bare = server.ask(PREDICT, orders).json
    assert [orjson.dumps(each) for each in bare] == [
        orjson.dumps({name: value for name, value in orjson.loads(each).items() if name != "vector"}) for each in wanted
    ]
    of_customer = {"view": "customer", "key": {"customer": "c0"}, "t": orders[0]["ts"], "seq": 1}
    assert bare[0]["views"]["customer"] == of_customer
    assert server.ask(PREDICT, b" [ ] ").body == b"[]"


def test_each_of_many_clients_gets_its_own_answers(shop: Project, server: Server) -> None:
    orders = [order(number) for number in range(1_000)]
    wanted = dict(enumerate(on_kafka(shop, orders)))
    together = threading.Barrier(CLIENTS)

    def client(number: int) -> int:
        chance, connection = random.Random(number), server.connect()
        together.wait()
        for _ in range(TURNS):
            chosen = [chance.randrange(len(orders)) for _ in range(chance.choice((1, 1, 2, 7, 30)))]
            answer = ask(connection, f"{PREDICT}?vector=true", [orders[each] for each in chosen])
            assert answer.body == b"[" + b",".join(wanted[each] for each in chosen) + b"]"
        connection.close()
        return TURNS

    with ThreadPoolExecutor(CLIENTS) as clients:
        assert sum(clients.map(client, range(CLIENTS))) == CLIENTS * TURNS


def test_a_bad_request_is_told_what_where_allowed_and_a_hint(server: Server) -> None:
    for body, status, what, where in [
        (b"", 400, "neither an object nor an array", None),
        (b"7", 400, "neither an object nor an array", None),
        (b"[1, 2", 400, "a comma or the array's end is missing", "character 5"),
        (b"[{}] x", 400, "something follows the array", "character 4"),
        (b'[{"a": }]', 400, "not JSON", "character 7"),
        (b'["\xff"]', 400, "not UTF-8: byte 2", None),
        (b"[" * 100_000, 400, "nested too deep", None),
        (b"{", 400, "not json", "the body"),
        (b"[1]", 400, "not json", "request 0 of the array"),
        ({"ts": 1, "items": 1.5}, 422, "wrong type: items is 1.5", "the body"),
        ({"items": 1}, 422, "missing time", "the body"),
        ([order(1), {"ts": 1, "items": 2**63 - 1}], 422, "overflow: double of cost", "request 1 of the array"),
    ]:
        answer = server.ask(PREDICT, body)
        error = answer.json["error"]
        assert (answer.status, what in error["what"], error["where"]) == (status, True, where), (body, error)
        assert error["allowed"]
    both = server.ask(PREDICT, [{"ts": 1, "gift": 3}, order(1), {}]).json["error"]
    assert [each["where"] for each in both["mistakes"]] == ["request 0 of the array", "request 2 of the array"]
    assert "amount: float64" in both["allowed"] and "ts: timestamp, not null" in both["allowed"]
    unknown = server.ask("/models/cast/predict", order(1))
    assert (unknown.status, unknown.json["error"]["hint"]) == (404, "did you mean 'cost'?")


def test_a_bad_request_leaves_the_next_ones_alone(server: Server) -> None:
    answers = [server.ask(PREDICT, body).status for body in (order(1), {"ts": 10**18}, order(2))]
    assert answers == [200, 422, 200]
