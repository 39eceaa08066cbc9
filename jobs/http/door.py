"""Who gets in: everyone of this machine, or beyond it whoever has the token or a certificate."""

from __future__ import annotations

import hmac
import ipaddress
import ssl
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.features.errors import PenstockError, UsageError
from penstock.jobs.http.refusal import Refusal, refused
from penstock.jobs.project.config import FILE, ServeConfig

#: What whoever watches the process may ask without the token: it tells nothing of requests, models or data.
OPEN = frozenset({"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"})


def check_door(config: ServeConfig) -> None:
    """Raises UsageError for an address beyond this machine without a secret, and for half of what TLS needs."""
    place = f"[serve] in {FILE}"
    if (config.cert_file is None) != (config.key_file is None):
        raise UsageError("a certificate and its key are given together", where=place, allowed="cert_file and key_file")
    if config.ca_file is not None and config.cert_file is None:
        raise UsageError("clients show certificates over TLS only", where=place, allowed="ca_file with cert_file")
    if config.token is not None and not config.token.isascii():
        raise UsageError("the token is not ASCII, as headers are", where=place)
    if not (_is_loopback(config.host) or config.token or config.ca_file):
        raise UsageError(
            f"{config.host} can be reached from beyond this machine, and nothing says who gets in",
            where=place,
            allowed="a token, or ca_file for certificates of clients",
            hint=f"put a secret into token_file or the variable {config.token_env}, or listen at 127.0.0.1",
        )


def tls_options(config: ServeConfig) -> dict[str, Any]:
    """What uvicorn needs for TLS; nothing without a certificate."""
    if config.cert_file is None:
        return {}
    options: dict[str, Any] = {"ssl_certfile": config.cert_file, "ssl_keyfile": config.key_file}
    if config.ca_file is not None:
        options |= {"ssl_ca_certs": str(config.ca_file), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return options


class Door:
    """Lets a request through to ``app`` if it has the token in ``Authorization: Bearer …``."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._wanted = app, b"Bearer " + token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI calls it."""
        if scope["type"] != "http" or scope["path"] in OPEN or self._knows(scope):
            await self._app(scope, receive, send)
            return
        error = PenstockError(
            "the token is missing or wrong", where="the header Authorization", allowed="Bearer, and the token"
        )
        response = refused(Refusal(401, error), Request(scope))
        response.headers["WWW-Authenticate"] = "Bearer"
        await response(scope, receive, send)

    def _knows(self, scope: Scope) -> bool:
        given: bytes = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(given, self._wanted)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
