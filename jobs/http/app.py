"""The HTTP application: its addresses, and how refusals are written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from penstock.features.errors import PenstockError, did_you_mean
from penstock.jobs.http.answering import Answering, as_json
from penstock.jobs.http.body import requests_of
from penstock.jobs.http.limits import Limits
from penstock.jobs.http.question import Question
from penstock.jobs.http.refusal import JSON, Refusal, refused
from penstock.jobs.http.turns import Turns
from penstock.jobs.project.config import ServeConfig


def application(models: Mapping[str, Answering], turns: Turns, config: ServeConfig) -> FastAPI:
    """The application of these models, by name."""
    app = FastAPI(docs_url=None, redoc_url=None)
    limits = Limits(config)
    patience_s = config.deadline_ms / 1000

    async def predict(request: Request, model: str, vector: bool = False) -> Response:
        try:
            limits.count()
            answering = _known(models, model)
            records, many = requests_of(await limits.read(request))
            limits.check(len(records))
            if not records:
                return Response(b"[]", media_type=JSON)
            spell = partial(as_json, many=many, vector=vector)
            return Response(await turns.ask(answering, Question(records, many, spell, patience_s)), media_type=JSON)
        except Refusal as refusal:
            return refused(refusal, request)

    app.post("/models/{model}/predict", response_class=Response)(predict)
    return app


def _known(models: Mapping[str, Answering], name: str) -> Answering:
    if name not in models:
        error = PenstockError(
            f"there is no model {name[:100]!r} here", allowed=", ".join(models), hint=did_you_mean(name, models)
        )
        raise Refusal(404, error)
    return models[name]
