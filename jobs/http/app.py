"""The HTTP application: its addresses, and how each is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from importlib.metadata import version as version_of
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from penstock.features.errors import PenstockError, did_you_mean
from penstock.jobs.http.answering import Answering, as_json
from penstock.jobs.http.body import requests_of
from penstock.jobs.http.health import Health
from penstock.jobs.http.limits import Limits
from penstock.jobs.http.openapi import openapi_of
from penstock.jobs.http.question import Question
from penstock.jobs.http.refusal import JSON, Refusal, refused
from penstock.jobs.http.turns import Turns
from penstock.jobs.http.v2 import EXTENSIONS, LENGTH, V2Question, metadata, of_version, refused_v2
from penstock.jobs.project.project import Project

#: For those who have gone: nobody reads it.
_GONE = 499


class Application:
    """``app`` answers for these models, by name. ``responded`` is told each path and status."""

    def __init__(
        self,
        project: Project,
        models: Mapping[str, Answering],
        turns: Turns,
        health: Health,
        responded: Callable[[str, int], None],
    ) -> None:
        config = project.config.serve
        self._models, self._turns, self._health, self._responded = models, turns, health, responded
        self._limits, self._patience_s = Limits(config), config.deadline_ms / 1000
        self.app = FastAPI(docs_url=None, redoc_url=None)
        self._routes()
        # history is read when the document is asked for first
        self.app.openapi = cache(partial(openapi_of, self.app, project, models))  # type: ignore[method-assign]

    def _routes(self) -> None:
        app = self.app
        # the paths of each model stand in the document, with their schemas
        app.post("/models/{model}/predict", include_in_schema=False, response_class=Response)(self.predict)
        app.get("/models", summary="The models and their versions", response_class=Response)(self.models)
        app.get("/health/live", summary="200 while the process answers", response_class=Response)(self.live)
        app.get("/health/ready", summary="200 while models can answer, else 503", response_class=Response)(self.ready)
        v2: dict[str, Any] = {"response_class": Response, "tags": ["Open Inference Protocol V2"]}
        app.get("/v2", **v2)(self.v2_server)
        app.get("/v2/health/live", **v2)(self.live)
        app.get("/v2/health/ready", **v2)(self.ready)
        for part in ("", "/versions/{version}"):
            name = "_version" if part else ""
            path = "/v2/models/{model}" + part
            app.get(path, name=f"metadata{name}", **v2)(self.v2_metadata)
            app.get(f"{path}/ready", name=f"model_ready{name}", **v2)(self.v2_ready)
            app.post(f"{path}/infer", name=f"infer{name}", **v2)(self.v2_infer)

    async def predict(self, request: Request, model: str) -> Response:
        """One request by the columns' names, or an array of them."""
        return await self._answered("/models/{model}/predict", request, partial(self._predict, model), refused)

    async def v2_infer(self, request: Request, model: str, version: str | None = None) -> Response:
        """An inference request, in JSON or with binary tensors."""
        return await self._answered(
            "/v2/models/{model}/infer", request, partial(self._infer, model, version), refused_v2
        )

    async def _predict(self, name: str, request: Request) -> Response:
        model, vector = _known(self._models, name), _flag(request, "vector")
        records, many = requests_of(await self._limits.read(request))
        self._limits.check(len(records))
        if not records:
            return Response(b"[]", media_type=JSON)
        question = Question(records, many, partial(as_json, many=many, vector=vector), self._patience_s, vector=vector)
        return Response(await self._turns.ask(model, question), media_type=JSON)

    async def _infer(self, name: str, version: str | None, request: Request) -> Response:
        model = of_version(self._models, name, version)
        asked = V2Question(model, await self._limits.read(request), request.headers.get(LENGTH))
        self._limits.check(len(asked.records))
        answer = await self._turns.ask(model, Question(asked.records, True, asked, self._patience_s))
        return Response(
            answer, headers=asked.headers, media_type=JSON if not asked.headers else "application/octet-stream"
        )

    async def _answered(
        self,
        path: str,
        request: Request,
        answer: Callable[[Request], Awaitable[Response]],
        refuse: Callable[[Refusal, Request], Response],
    ) -> Response:
        """The answer, or why there is none; both are counted."""
        try:
            self._limits.count()
            response = await answer(request)
        except Refusal as refusal:
            response = refuse(refusal, request)
        except ClientDisconnect:
            response = Response(status_code=_GONE)
        self._responded(path, response.status_code)
        return response

    async def models(self) -> Response:
        """By name: version, runtime, fingerprint."""
        loaded = {name: each.version.model for name, each in self._models.items()}
        return _json(
            {
                name: {"version": each.version, "runtime": each.runtime, "fingerprint": each.fingerprint}
                for name, each in loaded.items()
            }
        )

    async def live(self) -> Response:
        """The process answers."""
        return _json({"live": True})

    async def ready(self) -> Response:
        """Whether requests can be answered, and if not, why."""
        return _json(self._health.to_json(), 503 if self._health.reasons else 200)

    async def v2_server(self) -> Response:
        """Who answers."""
        return _json({"name": "penstock", "version": version_of("penstock"), "extensions": EXTENSIONS})

    async def v2_metadata(self, request: Request, model: str, version: str | None = None) -> Response:
        """A model's inputs and outputs."""
        try:
            return _json(metadata(of_version(self._models, model, version)))
        except Refusal as refusal:
            return refused_v2(refusal, request)

    async def v2_ready(self, request: Request, model: str, version: str | None = None) -> Response:
        """Whether this model can answer."""
        try:
            of_version(self._models, model, version)
        except Refusal as refusal:
            return refused_v2(refusal, request)
        return await self.ready()


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type=JSON)


def _flag(request: Request, name: str) -> bool:
    """A parameter that is true or false. Raises Refusal."""
    value = request.query_params.get(name, "false")
    if value not in ("true", "false"):
        raise Refusal(400, PenstockError(f"{name} is {value[:50]!r}", where="the address", allowed="true or false"))
    return value == "true"


def _known(models: Mapping[str, Answering], name: str) -> Answering:
    if name not in models:
        error = PenstockError(
            f"there is no model {name[:100]!r} here", allowed=", ".join(models), hint=did_you_mean(name, models)
        )
        raise Refusal(404, error)
    return models[name]
