"""Whether the server can answer now: the store, the models, and how new the store's rows are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penstock.features.errors import PenstockError
from penstock.features.vector import DTYPES
from penstock.jobs.http.answering import Answering
from penstock.jobs.kafka.lag import Pair, progress, written_by_stream
from penstock.jobs.project.config import FILE
from penstock.jobs.project.project import Project
from penstock.jobs.store.bulk import BulkStore, Request

#: Seconds between two looks at the store, and between two questions to Kafka.
STORE_S, LAG_S = 1.0, 5.0


class Health:
    """A context manager that looks from a thread of its own. ``say`` is told when the server becomes ready or not."""

    def __init__(
        self, project: Project, models: Mapping[str, Answering], store: BulkStore, say: Callable[[str], None]
    ) -> None:
        self._config, self._store, self._say = project.config, store, say
        used = {str(item.view.name) for model in models.values() for item in model.inputs}
        self._pairs: list[Pair] = [pair for view, pair in written_by_stream(project).items() if view in used]
        self._rows = [_any_row(model, number) for model in models.values() for number in range(len(model.inputs))]
        self._asked_at, self._lag_reasons = -LAG_S, list[str]()
        #: Why the server is not ready; empty where it is.
        self.reasons: Sequence[str] = ()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def __enter__(self) -> Health:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def to_json(self) -> dict[str, Any]:
        """``{"ready": …, "why": […]}``."""
        return {"ready": not self.reasons, "why": list(self.reasons)}

    def _run(self) -> None:
        while not self._stop.wait(STORE_S):
            before = self.reasons
            self._look()
            if bool(before) != bool(self.reasons):
                self._say(f"not ready: {'; '.join(self.reasons)}" if self.reasons else "ready again")

    def _look(self) -> None:
        self.reasons = [*self._of_the_store(), *self._of_the_writer()]

    def _of_the_store(self) -> list[str]:
        try:
            self._store.read_rows(self._rows)
        except Exception as error:  # whatever it is, nothing can be answered meanwhile
            return [f"the store does not answer: {_first_line(error)}"]
        return []

    def _of_the_writer(self) -> list[str]:
        most = self._config.serve.writer_lag
        if most is None or time.monotonic() < self._asked_at + LAG_S:
            return self._lag_reasons
        try:
            lag = sum(each.lag for each in progress(self._config, self._pairs).values())
        except Exception as error:  # nobody knows how old the rows are
            self._lag_reasons = [f"how far the store's writer is, is not known: {_first_line(error)}"]
        else:
            beyond = f"the store's writer is {lag:,} records behind; [serve] writer_lag in {FILE} allows {most:,}"
            self._lag_reasons = [beyond] if lag > most else []
        self._asked_at = time.monotonic()
        return self._lag_reasons


def _any_row(model: Answering, number: int) -> Request:
    """A key that asks the store, whether it has a row or not."""
    schema = model.inputs[number].schema
    return schema, [tuple("" if type == "string" else DTYPES[type][1] for _, type in schema.key)]


def _first_line(error: Exception) -> str:
    return error.what if isinstance(error, PenstockError) else f"{type(error).__name__}: {error}".splitlines()[0]
