"""One question to a Flink cluster's REST interface."""

from __future__ import annotations

import functools
import json
import ssl
import urllib.request
from pathlib import Path
from typing import Any

from penstock.jobs.streaming.secret import client_context

#: How long one answer may take, in seconds.
ANSWER_S = 10.0


def ask(address: str, secret: Path | None, path: str, body: Any = None, method: str | None = None) -> Any:
    """What the interface at ``address`` answers, read as JSON. ``secret``: the folder of the key that it asks for.

    Raises OSError without an answer, and urllib's HTTPError, which is one, for a refusal.
    """
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, {"Content-Type": "application/json"}, method=method)
    context = None if secret is None else _context(secret, (secret / "password").stat().st_mtime_ns)
    with urllib.request.urlopen(request, timeout=ANSWER_S, context=context) as answer:
        return json.load(answer)


@functools.lru_cache(1)
def _context(secret: Path, made: int) -> ssl.SSLContext:
    """A run's; ``made`` tells it from that of a run before in the same folder."""
    return client_context(secret)
