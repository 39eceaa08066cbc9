"""The version that follows the one that answers: it is loaded and tried beside it, and taken up between two turns."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from penstock.features.errors import PenstockError, RefusedError
from penstock.features.plan import ModelPlan
from penstock.features.vector import Values
from penstock.jobs.models.folder import LoadedModel, load_named
from penstock.jobs.models.kernel.takeover import take_over
from penstock.jobs.models.pointer import current_version
from penstock.jobs.models.storage.storage import Models
from penstock.jobs.serving.moment import check_moment

#: Seconds between two looks at the pointer.
LOOK_S = 0.2
#: So many of the newest vectors are kept to try a version on, and so few say nothing of its mean.
VECTORS, FEW = 1_000, 30

Columns = Mapping[str, Values]


class Recent:
    """The vectors that were answered last, as they came. One thread adds, another one may read."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, Columns]] = deque()
        self._rows = 0

    def add(self, rows: int, columns: Columns) -> None:
        """Keeps the vectors of a transaction; the oldest go once the others are enough."""
        self._batches.append((rows, columns))
        self._rows += rows
        while self._rows - self._batches[0][0] >= VECTORS:
            self._rows -= self._batches.popleft()[0]

    def batches(self) -> list[Columns]:
        """Those that are there now."""
        return [columns for _, columns in list(self._batches)]


class Successor:
    """A context manager that looks at the pointer from a thread. ``model``: the version that answers at first.

    A version that is not fit is refused once, and the former one goes on: ``refused`` counts them. ``bound``: how many
    standard deviations of the former answers the mean of the new ones may be away from the former mean.
    """

    def __init__(
        self,
        models: Models,
        plan: ModelPlan,
        model: LoadedModel,
        recent: Recent,
        bound: float,
        told: Callable[[str], None],
    ) -> None:
        self._models, self._plan, self._model = models, plan, model
        self._recent, self._bound, self._told = recent, bound, told
        self._looked_at = model.version
        self._ready: LoadedModel | None = None
        self._lock = threading.Lock()
        self.refused = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="successor", daemon=True)

    def __enter__(self) -> Successor:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def take(self) -> LoadedModel | None:
        """The version that answers from now on; None where it is the same one. For the thread that answers."""
        with self._lock:
            ready, self._ready = self._ready, None
            if ready is not None:
                self._model = ready
                self._told(f"{ready.name} {ready.version} answers from now on")
            return ready

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            # a pointer that cannot be read for a moment points to the same version
            with suppress(PenstockError):
                version = current_version(self._models, str(self._plan.name))
                if version is not None and version != self._looked_at:
                    self._looked_at = version
                    self._try(version)

    def _try(self, version: str) -> None:
        with self._lock:
            self._ready, former = None, self._model
        if version == former.version:
            return
        try:
            new = load_named(self._models, self._plan, version)
            check_moment(new)
            self._told(take_over(new))
            self._told(_compared(former, new, self._recent.batches(), self._bound))
        except Exception as error:  # whatever it is, the former version answers as well
            self.refused += 1
            said = error.what if isinstance(error, PenstockError) else f"{type(error).__name__}: {error}"
            self._told(f"REFUSED: {self._plan.name} {version}: {said}; {former.version} goes on")
        else:
            with self._lock:
                self._ready = new


def _compared(former: LoadedModel, new: LoadedModel, batches: list[Columns], bound: float) -> str:
    """A line of what the version says of the last vectors. Raises RefusedError for no finite number, and for a mean
    beyond the bound.
    """
    old_answers, answers = _answers(former, batches), _answers(new, batches)
    lost = int((np.isfinite(old_answers).all(axis=1) & ~np.isfinite(answers).all(axis=1)).sum())
    if lost:
        raise RefusedError(f"it gives no finite number for {lost:,} of the last {len(answers):,} vectors")
    if former.metadata.outputs != new.metadata.outputs or len(answers) < FEW:
        return f"{new.name} {new.version} answers the last {len(answers):,} vectors with finite numbers"
    distance = _distance(old_answers, answers)
    if distance > bound:
        raise RefusedError(
            f"the mean of its answers to the last {len(answers):,} vectors is {distance:.3g} standard deviations from "
            f"the former mean, {bound:g} are allowed"
        )
    return (
        f"{new.name} {new.version}: the mean of its answers to the last {len(answers):,} vectors is {distance:.3g} "
        f"standard deviations from the former mean"
    )


def _answers(model: LoadedModel, batches: list[Columns]) -> npt.NDArray[np.float64]:
    """Shape (vectors, numbers)."""
    numbers = max(1, len(model.metadata.outputs))
    return np.concatenate([np.empty((0, numbers)), *(model.predict(each).reshape(-1, numbers) for each in batches)])


def _distance(former: npt.NDArray[np.float64], new: npt.NDArray[np.float64]) -> float:
    """The greatest of all numbers. Answers that never differ have no deviation to measure by: 0."""
    known = np.isfinite(former).all(axis=1)
    spread = former[known].std(axis=0)
    apart = np.abs(new[known].mean(axis=0) - former[known].mean(axis=0))
    return float(np.max(np.where(spread > 0, apart / np.where(spread > 0, spread, 1), 0), initial=0.0))
