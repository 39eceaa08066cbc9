"""How much comes in: the bytes of a body, the requests in it, and the bodies in a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.requests import Request

from penstock.features.errors import PenstockError
from penstock.jobs.http.refusal import Refusal
from penstock.jobs.project.config import ServeConfig


class Limits:
    """``clock``: monotonic seconds. A second's worth of bodies may come at once."""

    def __init__(self, config: ServeConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config, self._clock = config, clock
        self._left, self._at = float(config.rate or 0), clock()

    def count(self) -> None:
        """Counts one body in. Raises Refusal where more come than may."""
        rate = self._config.rate
        if rate is None:
            return
        now = self._clock()
        self._left = min(float(rate), self._left + (now - self._at) * rate)
        self._at = now
        if self._left < 1:
            raise Refusal(
                429, PenstockError("too many requests", allowed=f"[serve] rate = {rate} in a second"), retry_s=1
            )
        self._left -= 1

    async def read(self, request: Request) -> bytes:
        """The body. Raises Refusal for one that is too large, before it is read where its length is given."""
        most = self._config.body_bytes
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > most:
            raise _too_large(f"the body has {length} bytes", f"[serve] body_bytes = {most}")
        chunks, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise _too_large(f"the body has more than {most} bytes", f"[serve] body_bytes = {most}")
            chunks.append(chunk)
        return b"".join(chunks)

    def check(self, requests: int) -> None:
        """Raises Refusal for too many requests in a body."""
        most = self._config.body_requests
        if requests > most:
            raise _too_large(f"the body has {requests} requests", f"[serve] body_requests = {most}")


def _too_large(what: str, allowed: str) -> Refusal:
    return Refusal(413, PenstockError(what, allowed=allowed, hint="send several bodies"))
