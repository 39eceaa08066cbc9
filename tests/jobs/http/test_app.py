"""What else a server tells: whether it is ready, what it does, and what it takes."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from penstock.features.errors import PenstockError, UsageError
from penstock.jobs.project.project import Project
from tests.jobs.http.serving import Server, make_shop, order, serving
from tests.jobs.serving.running import train_model, wait_until
from tests.jobs.shop import full_row, write_history
from tests.redis_server import redis_server

PREDICT = "/models/cost/predict"


def test_the_document_has_the_plans_columns_and_an_example_from_history(shop: Project) -> None:
    plan = shop.model("cost").model_plan
    write_history(shop, "orders", [full_row(plan.on, **order(7))])
    with serving(shop) as server:
        document = server.ask("/openapi.json").json
        operation = document["paths"][PREDICT]["post"]
        content = operation["requestBody"]["content"]["application/json"]
        assert content["example"] == order(7)
        assert server.ask(PREDICT, content["example"]).status == 200
        schema = content["schema"]["oneOf"][0]
        assert list(schema["properties"]) == [str(column.name) for column in plan.on.columns]
        assert schema["required"] == ["ts"] and schema["properties"]["items"]["type"] == ["integer", "null"]
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]["oneOf"][0]
        given = server.ask(f"{PREDICT}?vector=true", order(1)).json
        assert list(answer["properties"]) == list(given)
        assert list(answer["properties"]["vector"]["properties"]) == list(given["vector"])
        for name, view in given["views"].items():
            assert list(answer["properties"]["views"]["properties"][name]["properties"]) == list(view)
        assert "/v2/models/{model}/infer" in document["paths"]
        assert server.ask("/models").json["cost"]["version"] == given["version"]


def test_limits_are_told(shop: Project) -> None:
    with serving(shop, body_requests=2, body_bytes=900, rate=6) as server:
        many = server.ask(PREDICT, [order(number) for number in range(3)])
        large = server.ask(PREDICT, {**order(1), "city": "x" * 1_000})
        assert [(each.status, each.json["error"]["allowed"]) for each in (many, large)] == [
            (413, "[serve] body_requests = 2"),
            (413, "[serve] body_bytes = 900"),
        ]
        connection = server.connect()
        connection.request(
            "POST", PREDICT, iter([b"x" * 600, b"x" * 600]), {"Transfer-Encoding": "chunked"}, encode_chunked=True
        )
        assert connection.getresponse().status == 413
        connection.close()
        answers = [server.ask(PREDICT, order(1)) for _ in range(40)]
        refused = [each for each in answers if each.status != 200]
        assert {(each.status, each.headers["retry-after"]) for each in refused} == {(429, "1")}
        assert refused[0].json["error"]["allowed"] == "[serve] rate = 6 in a second"
    with serving(shop, waiting=1) as server:
        full = server.ask(PREDICT, [order(1), order(2)])
        assert (full.status, full.json["error"]["what"]) == (503, "too many requests wait for an answer")
        assert server.ask(PREDICT, order(1)).status == 200


def test_a_server_whose_store_is_away_is_alive_and_not_ready(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        shop = make_shop(tmp_path / "shop", online=f"  type: {REDIS}\n  connection_string: {redis.connection_string}")
        with serving(shop, options={"metrics_port": 0}) as server:
            assert server.ask("/health/ready").json == {"ready": True, "why": []}
            assert server.ask(PREDICT, order(1)).status == 200
            redis.stop()
            answer = server.ask(PREDICT, order(1))
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert "Redis" in answer.json["error"]["what"]
            wait_until(lambda: server.ask("/health/ready").status == 503, "look at the store")
            assert "the store does not answer" in server.ask("/v2/health/ready").json["why"][0]
            assert server.ask("/health/live").status == 200
            redis.restart()
            wait_until(lambda: server.ask("/health/ready").status == 200, "look at the store")
            # the new server has no rows; an answer over nothing is an answer
            assert server.ask(PREDICT, order(1)).json["views"]["customer"]["t"] is None
            assert metric(server, "penstock_http_responses_total", status="503") == 1


REDIS = "penstock.jobs.store.redis.PenstockRedisOnlineStore"


def metric(server: Server, name: str, **labels: str) -> float:
    """The sum of a metric's values with these labels."""
    page = next(line.removeprefix("metrics: ") for line in server.lines if line.startswith("metrics: "))
    with urllib.request.urlopen(page, timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(each.value for each in samples if labels.items() <= each.labels.items())


def test_metrics_count_what_was_answered(shop: Project) -> None:
    with serving(shop, options={"metrics_port": 0}) as server:
        for body in ([order(0), order(1)], order(2), {"ts": 1, "items": 2**63 - 1}, {}):
            server.ask(PREDICT, body)
        assert metric(server, "penstock_requests_total", model="cost") == 5
        assert metric(server, "penstock_predictions_total", model="cost") == 3
        assert metric(server, "penstock_refused_requests_total", reason="overflow") == 1
        assert metric(server, "penstock_refused_requests_total", reason="missing time") == 1
        assert metric(server, "penstock_http_responses_total", status="200") == 2
        assert metric(server, "penstock_http_responses_total", status="422") == 2
        assert metric(server, "penstock_answer_seconds_count") == 4
        assert metric(server, "penstock_feature_age_seconds_count", input="customer") == 3
        assert metric(server, "penstock_model_info", model="cost") == 1


def test_another_version_answers_without_a_stop(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    with serving(shop) as server:
        before = server.ask(PREDICT, order(1)).json
        train_model(shop.config.state, shop.model("cost").model_plan)
        wait_until(lambda: server.ask(PREDICT, order(1)).json["version"] != before["version"], "new version")
        after = server.ask(PREDICT, order(1)).json
        assert (after["value"], after["views"]) == (before["value"], before["views"])


def test_what_cannot_be_served_is_refused_at_the_start(shop: Project, tmp_path: Path) -> None:
    with (
        serving(shop) as server,
        pytest.raises(PenstockError, match="nothing can listen there"),
        serving(shop, port=server.port),
    ):
        raise AssertionError("it has started")
    with pytest.raises(UsageError, match="nothing says who gets in"), serving(shop, host="0.0.0.0"):
        raise AssertionError("it has started")
    with pytest.raises(UsageError, match="there is no model 'cast'"), serving(shop, ["cast"]):
        raise AssertionError("it has started")


def test_requests_that_have_come_before_the_stop_are_answered(shop: Project) -> None:
    with serving(shop) as server:
        connection = server.connect()
        connection.request("POST", PREDICT, b"[" + b",".join([raw(number) for number in range(900)]) + b"]")
        server.stop.set()
        response = connection.getresponse()
        assert (response.status, len(re.findall(rb'"stale"', response.read()))) == (200, 900)
        connection.close()


def raw(number: int) -> bytes:
    """A request as bytes."""
    made: bytes = orjson.dumps(order(number))
    return made


def test_a_deadline_is_kept(shop: Project) -> None:
    with serving(shop, deadline_ms=1) as server:
        late: list[Any] = [server.ask(PREDICT, [order(n) for n in range(900)]) for _ in range(3)]
        assert {each.status for each in late} == {504}
        assert late[0].json["error"]["allowed"] == "[serve] deadline_ms"
