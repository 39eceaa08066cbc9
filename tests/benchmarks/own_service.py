"""The HTTP service that people write: FastAPI, ``feast serve`` for the features, and ``Booster.predict``. No derived
features, no check of a request, no batches of several clients.

Run by uvicorn, with the project's folder and the address of ``feast serve`` in ``OWN_PROJECT`` and ``OWN_FEATURES``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import urllib3
from fastapi import FastAPI
from pydantic import BaseModel

from penstock.features.vector import leaf_names
from penstock.jobs.project.project import load_project

project = load_project(Path(os.environ["OWN_PROJECT"]))
plan = project.model("guess").model_plan
versions = project.config.state / "models" / "guess"
booster = lgb.Booster(model_file=str(versions / (versions / "current").read_text().split()[0] / "model.txt"))
features = [name.replace(".", ":") for name in leaf_names(plan, "feature")]
keys = list(dict.fromkeys(key.name for view in project.plans.values() for key in view.key))
columns = [item.name.replace(".", "__") for item in plan.vector]
pool = urllib3.PoolManager(maxsize=40)
app = FastAPI()


class Asked(BaseModel):
    """One request or many."""

    requests: list[dict[str, Any]]


@app.post("/predict")
def predict(asked: Asked) -> list[float]:
    """The predictions in the order of the requests."""
    rows = asked.requests
    wanted = {
        "features": features,
        "entities": {key: [row[key] for row in rows] for key in keys},
        "full_feature_names": True,
    }
    answer = pool.request("POST", os.environ["OWN_FEATURES"] + "/get-online-features", json=wanted).json()
    values = [each["values"] for each in answer["results"]]
    found = dict(zip(answer["metadata"]["feature_names"], values, strict=True))
    found |= {name: [row[name] for row in rows] for name in leaf_names(plan, "column")}
    found["trend"] = [0.0] * len(rows)
    matrix = np.array([found[name] for name in columns], dtype=np.float64).T
    predictions: list[float] = np.asarray(booster.predict(matrix, num_threads=1)).tolist()
    return predictions
