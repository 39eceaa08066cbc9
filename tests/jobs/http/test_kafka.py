"""The inference job and the server, side by side on a real broker: one request, one answer, wherever it is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson

from tests.jobs.http.serving import know, order, serving
from tests.jobs.serving.running import Shop, answered, train_model
from tests.kafka_broker import Kafka


def test_http_answers_with_the_bits_of_the_predictions_on_kafka(kafka: Kafka, tmp_path: Path) -> None:
    shop = Shop(tmp_path, servers=kafka.servers, wait_ms=0)
    shop.project.config.state.mkdir(exist_ok=True)
    train_model(shop.project.config.state, shop.plan)
    know(shop.project)
    orders = [order(number) for number in range(60)]
    shop.send(*orders)
    predictions, counts = answered(shop, len(orders))
    assert counts.predictions == len(orders)
    wanted = [
        orjson.dumps({name: value for name, value in each.items() if name not in ("id", "requested_at")})
        for each in predictions
    ]
    config = shop.project.config
    mirrored = config.model_copy(update={"inference": config.inference.model_copy(update={"store": "mirrored"})})
    for project in (shop.project, replace(shop.project, config=mirrored)):
        with serving(project, options={"metrics_port": 0}) as server:
            answer = server.ask("/models/cost/predict?vector=true", orders)
            assert answer.body == b"[" + b",".join(wanted) + b"]"
