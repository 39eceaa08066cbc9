"""``penstock serve``: the parts put together, from a project to its end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from penstock.features.errors import PenstockError, UsageError
from penstock.jobs.ahead.held import Held
from penstock.jobs.ahead.view import kept
from penstock.jobs.http.answering import Answering
from penstock.jobs.http.app import Application
from penstock.jobs.http.door import Door, check_door, tls_options
from penstock.jobs.http.health import Health
from penstock.jobs.http.turns import Turns
from penstock.jobs.metrics.http import ServeMetrics, Version
from penstock.jobs.metrics.serve import served
from penstock.jobs.models.folder import load_current
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.process.interpreter import answering_pace
from penstock.jobs.project.config import ServeConfig
from penstock.jobs.project.project import Project
from penstock.jobs.serving.inputs import inputs_of
from penstock.jobs.serving.lookup import Rowed
from penstock.jobs.serving.mirror import mirrored, streamed
from penstock.jobs.serving.moment import check_moment
from penstock.jobs.serving.successor import CurrentVersion
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
    project: Project,
    names: Sequence[str],
    stop: threading.Event,
    *,
    told: Callable[[str], None] = lambda line: None,
    metrics_port: int | None = None,
) -> None:
    """Answers HTTP requests for these models until ``stop`` is set; those that have come by then are answered.

    ``metrics_port``: where Prometheus finds what it does; 0 for any free port, None for nowhere. Raises PenstockError:
    no model, a wrong fingerprint, a store that does not answer, a port that cannot be had, an open door.
    """
    config = project.config.serve
    check_door(config)
    with ExitStack() as opened:
        store = opened.enter_context(open_store(project.folder))
        inputs = [item for name in names for item in inputs_of(project.model(name).model_plan, project.plans)]
        # a store that is down, or holds rows of other definitions, is found before there are requests
        store.read_rows([(item.schema, []) for item in inputs])
        mirror = None
        if project.config.inference.store == "mirrored":
            mirror = opened.enter_context(mirrored(project, streamed(project, inputs), store, stop, told))
        models = {name: _answering(project, name, mirror or store, told) for name in dict.fromkeys(names)}
        if mirror is None:
            for name, model in models.items():
                if (numbers := kept(project, name)) is not None:
                    model.held = Held(model.plan, model.inputs, numbers, store)
                    told(f"{name}: answers that were computed ahead are given while they hold")
        successors = {name: opened.enter_context(_followed(project, model, told)) for name, model in models.items()}
        named = {name: [item.name for item in model.inputs] for name, model in models.items()}
        figures = None if mirror is None else mirror.figures
        metrics = ServeMetrics(partial(_versions, models, successors), named, figures)
        if metrics_port is not None:
            told(f"metrics: {opened.enter_context(served(metrics, project.config.metrics.host, metrics_port))}")
            for model in models.values():
                model.metrics = metrics
        turns = opened.enter_context(Turns(config.batch, config.waiting))
        health = opened.enter_context(Health(project, models, store, told))
        opened.enter_context(answering_pace())
        app = Application(project, models, turns, health, metrics.responded).app
        with _listening(app, config, stop) as address:
            told(f"serve: {', '.join(models)} at {address}")


def _versions(models: Mapping[str, Answering], successors: Mapping[str, CurrentVersion]) -> list[Version]:
    loaded = {name: model.version.model for name, model in models.items()}
    return [
        Version(name, each.version, each.fingerprint, each.runtime, successors[name].refused)
        for name, each in loaded.items()
    ]


def _answering(project: Project, name: str, store: Rowed, told: Callable[[str], None]) -> Answering:
    model = load_current(project.config.models_at, project.model(name).model_plan)
    check_moment(model)
    if project.model(name).model_plan.by is not None:
        raise UsageError(f"{name} has versions for values of a column", where=name, allowed="a model without by=")
    told(take_over(model))
    return Answering(project, model, store)


@contextmanager
def _followed(project: Project, model: Answering, told: Callable[[str], None]) -> Iterator[CurrentVersion]:
    """Has each turn ask whether another version answers from now on."""
    models, bound = project.config.models_at, project.config.inference.takeover_bound
    with CurrentVersion(models, model.plan, model.version.model, model.recent, bound, told) as successor:
        model.successor = successor.take
        yield successor


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
