"""A request that is not answered: an HTTP status, and what, where, allowed, hint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from penstock.features.errors import PenstockError
from penstock.features.ingest import BadEvent
from penstock.features.plan import SourcePlan
from penstock.jobs.console.logs import about, logger

_LOG = logger("serve")
JSON = "application/json"


class Refusal(Exception):
    """``status``: of HTTP. ``each``: the mistakes, one at least. ``retry_s``: seconds until it may be asked again.

    The causes that are no mistake of the client have a status from 500 on.
    """

    def __init__(self, status: int, *each: PenstockError, retry_s: int | None = None) -> None:
        super().__init__(each[0].what)
        self.status, self.each, self.retry_s = status, each, retry_s

    def to_json(self) -> dict[str, Any]:
        """The first mistake; ``mistakes`` are all of them where there are several."""
        first = self.each[0].to_json()
        return first if len(self.each) == 1 else {**first, "mistakes": [one.to_json() for one in self.each]}

    @property
    def text(self) -> str:
        """The same as lines."""
        return "\n".join(one.render() for one in self.each)


def refused(refusal: Refusal, request: Request) -> Response:
    """``{"error": {"what": …, "where": …, "allowed": …, "hint": …}}`` with the refusal's status."""
    headers = log_refusal(refusal, request)
    return Response(orjson.dumps({"error": refusal.to_json()}), refusal.status, headers, JSON)


def log_refusal(refusal: Refusal, request: Request) -> dict[str, str]:
    """Writes a line; gives the headers of the answer."""
    place = about(status=refusal.status, path=request.url.path, client=_client(request))
    _LOG.warning("a request is refused: %s", refusal, extra=place)
    return {} if refusal.retry_s is None else {"Retry-After": str(refusal.retry_s)}


def _client(request: Request) -> str | None:
    return None if request.client is None else request.client.host


#: What a client may do about a bad request, by its code.
_HINTS = {
    "overflow": "smaller numbers give a vector that fits",
    "no answer": "ask for the vector of a similar request with ?vector=true, and compare",
}


def bad_requests(source: SourcePlan, bad: Sequence[tuple[int, BadEvent]], many: bool) -> Refusal:
    """The refusal of a body, for its bad requests by place. ``many``: the body is an array."""
    columns = ", ".join(f"{c.name}: {c.type}{'' if c.nullable else ', not null'}" for c in source.columns)
    mistakes = [
        PenstockError(
            f"{event.code}: {event.detail}",
            where=f"request {place} of the array" if many else "the body",
            allowed=f"an object with {columns}",
            hint=_HINTS.get(event.code, "/openapi.json has the schema and an example; times are in milliseconds"),
        )
        for place, event in bad
    ]
    unreadable = any(event.code == "not json" for _, event in bad)
    return Refusal(400 if unreadable else 422, *mistakes)
