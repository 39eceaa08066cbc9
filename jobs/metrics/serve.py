"""The page that Prometheus reads: ``http://host:port/metrics``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.registry import Collector

from penstock.features.errors import PenstockError


@contextmanager
def served(collector: Collector, host: str, port: int) -> Iterator[str]:
    """Serves what ``collector`` tells for as long as the block lasts; gives the page's address.

    ``port``: 0 takes any free one. Raises PenstockError for a port that cannot be had.
    """
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise PenstockError(
            f"metrics cannot be served: {error.strerror or error}",
            where=f"{host}:{port}",
            hint="give another --metrics-port, or 0 for any that is free; the host is [metrics] host in penstock.toml",
        ) from None
    try:
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
