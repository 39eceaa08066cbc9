"""The loop that people write: kafka-python, Feast's ``get_online_features`` and ``Booster.predict``, for each record or
for as many as have come. No derived features, no wait for one's own event, no transaction, no check of a request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from feast import FeatureStore
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

import penstock.jobs.store  # noqa: F401  before Feast, which it makes quicker to import
from penstock.features.vector import leaf_names
from penstock.jobs.kafka.owner import PROJECT
from penstock.jobs.project.project import load_project


def run_loop(folder: Path, start: int, ready: Any, stop: Any, said: Any, most: int) -> None:
    """Answers requests from offset ``start`` until it is told to stop, ``most`` at once."""
    project = load_project(folder)
    plan = project.model("guess").model_plan
    answer = answering(folder, "guess")
    consumer = KafkaConsumer(bootstrap_servers=project.config.kafka.bootstrap_servers, max_poll_records=most)
    producer = KafkaProducer(bootstrap_servers=project.config.kafka.bootstrap_servers)
    place = TopicPartition("requests", 0)
    # ours refuses an output topic with records of no project
    headers = [(PROJECT, project.config.project.encode())]
    consumer.assign([place])
    consumer.seek(place, start)
    consumer.poll(timeout_ms=0, max_records=1)
    consumer.seek(place, start)
    ready.set()
    answered = turns = 0
    while not stop.is_set():
        for records in consumer.poll(timeout_ms=100).values():
            for record, value in zip(records, answer([json.loads(r.value) for r in records]), strict=True):
                id = f"{record.topic}-{record.partition}-{record.offset}"
                prediction = json.dumps({"id": id, "value": value}).encode()
                producer.send(plan.output, prediction, key=id.encode(), headers=headers)
            producer.flush()
            answered, turns = answered + len(records), turns + 1
    producer.close()
    consumer.close()
    said.put(({}, {"requests": answered, "batches": turns}))


def answering(folder: Path, model: str) -> Callable[[Sequence[dict[str, Any]]], list[float]]:
    """From parsed requests to predictions."""
    project = load_project(folder)
    plan = project.model(model).model_plan
    store = FeatureStore(repo_path=str(folder))
    versions = project.config.state / "models" / model
    booster = lgb.Booster(model_file=str(versions / (versions / "current").read_text().strip() / "model.txt"))
    features = [name.replace(".", ":") for name in leaf_names(plan, "feature")]
    keys = list(dict.fromkeys(key.name for view in project.plans.values() for key in view.key))
    columns = [item.name.replace(".", "__") for item in plan.vector]

    def answer(rows: Sequence[dict[str, Any]]) -> list[float]:
        entities = [{key: row[key] for key in keys} for row in rows]
        found = store.get_online_features(features=features, entity_rows=entities, full_feature_names=True).to_dict()
        found |= {name: [row[name] for row in rows] for name in leaf_names(plan, "column")}
        found["trend"] = [0.0] * len(rows)
        matrix = np.array([found[name] for name in columns], dtype=np.float64).T
        values: list[float] = np.asarray(booster.predict(matrix, num_threads=1)).tolist()
        return values

    return answer
