"""``penstock serve``: the parts put together, from a project to its end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from penstock.features.errors import PenstockError
from penstock.jobs.http.answering import Answering
from penstock.jobs.http.app import application
from penstock.jobs.http.door import Door, check_door, tls_options
from penstock.jobs.http.turns import Turns
from penstock.jobs.models.folder import load_current
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.process.interpreter import answering_pace
from penstock.jobs.project.config import ServeConfig
from penstock.jobs.project.project import Project
from penstock.jobs.serving.lookup import Rowed
from penstock.jobs.serving.moment import check_moment
from penstock.jobs.serving.successor import Successor
from penstock.jobs.store.open import open_store

_OPTIONS: dict[str, Any] = {
    "log_config": None,
    "access_log": False,
    "lifespan": "off",
    "ws": "none",
    "server_header": False,
    "proxy_headers": False,
}
#: Seconds between two looks whether the server's thread is alive.
LOOK_S = 0.5


def serve(
    project: Project, names: Sequence[str], stop: threading.Event, *, told: Callable[[str], None] = lambda line: None
) -> None:
    """Answers HTTP requests for these models until ``stop`` is set; those that have come by then are answered.

    Raises PenstockError: no model, a wrong fingerprint, a store that does not answer, a port that cannot be had.
    """
    config = project.config.serve
    check_door(config)
    with ExitStack() as opened:
        store = opened.enter_context(open_store(project.folder))
        models = {name: _answering(project, name, store, told) for name in dict.fromkeys(names)}
        for model in models.values():
            opened.enter_context(_followed(project, model, told))
            # a store that is down, or holds rows of other definitions, is found before there are requests
            store.read_rows([(item.schema, []) for item in model.inputs])
        turns = opened.enter_context(Turns(config.batch, config.waiting))
        opened.enter_context(answering_pace())
        with _listening(application(models, turns, config), config, stop) as address:
            told(f"serve: {', '.join(models)} at {address}")


def _answering(project: Project, name: str, store: Rowed, told: Callable[[str], None]) -> Answering:
    model = load_current(project.config.state / "models", project.model(name).model_plan)
    check_moment(model)
    told(take_over(model))
    return Answering(project, model, store)


@contextmanager
def _followed(project: Project, model: Answering, told: Callable[[str], None]) -> Iterator[None]:
    """Has each turn ask whether another version answers from now on."""
    models, bound = project.config.state / "models", project.config.inference.takeover_bound
    with Successor(models, model.plan, model.version.model, model.recent, bound, told) as successor:
        model.successor = successor.take
        yield


@contextmanager
def _listening(app: ASGIApp, config: ServeConfig, stop: threading.Event) -> Iterator[str]:
    """Serves from a thread; gives the address. When the block ends it waits until ``stop`` is set or the thread ends.

    Raises PenstockError for an address that cannot be had.
    """
    try:
        listener = socket.create_server((config.host, config.port), backlog=2048)
    except OSError as error:
        raise PenstockError(
            f"nothing can listen there: {error.strerror or error}",
            where=f"{config.host}:{config.port}",
            hint="give another port in [serve], or 0 for any that is free",
        ) from None
    behind = app if config.token is None else Door(app, config.token)
    server = uvicorn.Server(uvicorn.Config(behind, **_OPTIONS, **tls_options(config)))
    scheme = "http" if config.cert_file is None else "https"
    with listener:
        thread = threading.Thread(target=server.run, args=([listener],), name="http")
        thread.start()
        try:
            yield f"{scheme}://{config.host}:{listener.getsockname()[1]}"
            while thread.is_alive() and not stop.wait(LOOK_S):
                pass
        finally:
            server.should_exit = True
            thread.join()
    if not stop.is_set():
        raise PenstockError("the HTTP server has ended", hint="its log says why")
