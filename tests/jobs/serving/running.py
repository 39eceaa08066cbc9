"""The shop with a broker: requests in, features into the store, the inference job running, predictions out."""

from __future__ import annotations

import itertools
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from prometheus_client.parser import text_string_to_metric_families

from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.features.types import TYPES
from penstock.jobs.kafka.clients import consumer, ensure_topics, producer
from penstock.jobs.project.project import Project
from penstock.jobs.serving.counts import InferenceCounts
from penstock.jobs.serving.run import infer
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow
from penstock.jobs.store.schema import schema_of
from penstock.jobs.training.train import train
from tests.jobs.models.examples import write_set
from tests.jobs.shop import DEFINITIONS, make_project

PATIENCE_S = 60.0
#: Event time of requests unless said otherwise.
T = 1_700_000_000_000
_numbers = itertools.count()


def train_model(folder: Path, plan: ModelPlan, *, before: bool = False) -> Path:
    """A models folder with a version of the shop's model, trained on noise."""
    numbers = np.random.default_rng(3)
    n = 2_000
    random = {
        "int64": lambda: numbers.integers(0, 9, n).tolist(),
        "float64": lambda: numbers.normal(size=n).tolist(),
        "bool": lambda: (numbers.random(n) < 0.5).tolist(),
        "string": lambda: numbers.choice(["x", "y"], n).tolist(),
        "timestamp": lambda: numbers.integers(0, 10**12, n).tolist(),
    }
    assert set(random) == set(TYPES)
    columns: dict[str, Any] = {item.name: random[item.type]() for item in plan.vector}
    columns |= {"id": [f"o{i}" for i in range(n)], "t": list(range(n)), "part": numbers.choice(["x", "y"], n).tolist()}
    number = numbers.normal(size=n).tolist()
    given = columns.get("amount", number), columns.get("customer.orders_10s", number)
    columns["label"] = [3.0 * a + o for a, o in zip(*given, strict=True)]
    file = write_set(folder / "set.parquet", plan, columns, (0, n), before=before)
    train(file, plan, folder / "models", Span(0, n - 200), Span(n - 200, n))
    return folder / "models"


class Shop:
    """A project with topics and a group of its own, so that a broker can be shared. ``settings``: the project's."""

    def __init__(self, folder: Path, definitions: str = DEFINITIONS, **settings: Any) -> None:
        suffix = f"_{next(_numbers)}"
        text = definitions.replace('topic="orders"', f'topic="orders{suffix}"')
        text = text.replace('output="predictions.cost"', f'output="predictions.cost{suffix}"')
        self.project: Project = make_project(folder, text, **settings)
        self.topic, self.group = f"orders{suffix}", f"group{suffix}"
        self.output = self.project.model("cost").output
        ensure_topics(self.project.config, [self.topic, self.output, self.project.names.dead_letters])

    @property
    def plan(self) -> ModelPlan:
        """The model's."""
        return self.project.model("cost").model_plan

    def send(self, *values: bytes | dict[str, Any], partition: int = 0) -> list[str]:
        """Requests: raw bytes, or rows, of time T unless given. Returns their ids."""
        raw = [
            v if isinstance(v, bytes) else orjson.dumps({"ts": T, "order": f"o{i}", **v}) for i, v in enumerate(values)
        ]
        with producer(self.project.config) as sender:
            receipts = [sender.send(self.topic, value, partition=partition) for value in raw]
            places = [receipt.get(timeout=30) for receipt in receipts]
        return [f"{place.topic}-{place.partition}-{place.offset}" for place in places]

    def write(self, view: str, key: tuple[Any, ...], t: int, *values: Any, seq: int = 1) -> None:
        """One row into the store."""
        with open_store(self.project.folder) as store:
            store.write_rows(schema_of(self.project.plans[view]), [FeatureRow(key, t, seq, values)])

    def know_customers(self, *names: str, t: int = T) -> None:
        """Rows that know the requests of these customers."""
        for name in names:
            self.write("customer", (name,), t, 1, 1, 5.0, None)

    def predictions(self, isolation: str = "read_committed") -> list[Any]:
        """All records of the output topic."""
        return self.read(self.output, isolation)

    def dead_letters(self) -> list[Any]:
        """The dead letters of this shop's topic."""
        return [r for r in self.read(self.project.names.dead_letters) if orjson.loads(r.value)["topic"] == self.topic]

    def read(self, topic: str, isolation: str = "read_committed") -> list[Any]:
        """Everything in a topic, to the end that it had at the start."""
        found: list[Any] = []
        with consumer(self.project.config, None, isolation_level=isolation) as reader:
            places = reader.places(topic)
            reader.assign(places)
            ends = reader.end_offsets(places)
            while any(reader.position(place) < ends[place] for place in places):
                found += [record for records in reader.poll(timeout_ms=200).values() for record in records]
        return found


class Running:
    """An inference job on a thread."""

    def __init__(self, shop: Shop, **options: Any) -> None:
        self.counts = InferenceCounts()
        self.told: list[str] = []
        self.warnings: list[str] = []
        self.lines: list[str] = []
        self.metrics = ""
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self._shop, self._options = shop, options
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            options = {"group": self._shop.group, "begin": "earliest", "progress": self._progress, "told": self._tell}
            self.counts = infer(
                self._shop.project, self._options.pop("models", ["cost"]), self.stop, **options | self._options
            )
        except BaseException as error:
            self.error = error

    def _tell(self, line: str) -> None:
        """Of partitions and metrics: who predicts is another matter."""
        self.lines.append(line)
        if line.startswith(self._shop.topic):
            self.told.append(line)
        elif line.startswith("warning: "):
            self.warnings.append(line)
        elif line.startswith("metrics: "):
            self.metrics = line.removeprefix("metrics: ")

    def metric(self, name: str) -> float:
        """The value of a metric without labels but the model's."""
        with urllib.request.urlopen(self.metrics, timeout=10) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            (value,) = (sample.value for family in families for sample in family.samples if sample.name == name)
        return value

    def _progress(self, counts: InferenceCounts) -> None:
        self.counts = counts

    def wait(self, requests: int) -> None:
        """Until so many requests are answered; raises the job's error, or AssertionError after a long time."""
        wait_until(lambda: self.counts.requests >= requests or self.error is not None, f"{requests} answers")
        if self.error is not None:
            raise self.error

    def end(self) -> InferenceCounts:
        """Stops it, and returns what it has done."""
        self.stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
        return self.counts


def wait_until(condition: Any, what: str) -> None:
    """Returns when the condition holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {PATIENCE_S} s"
        time.sleep(0.01)


@contextmanager
def running(shop: Shop, **options: Any) -> Iterator[Running]:
    """A job that is stopped at the end, whatever happens."""
    job = Running(shop, **options)
    try:
        yield job
    finally:
        job.stop.set()
        job._thread.join(PATIENCE_S)


def answered(shop: Shop, requests: int, **options: Any) -> tuple[list[dict[str, Any]], InferenceCounts]:
    """Runs the job until so many requests are answered; the predictions in order, and the counts."""
    with running(shop, **options) as job:
        job.wait(requests)
        counts = job.end()
    return [orjson.loads(record.value) for record in shop.predictions()], counts


def ids(records: Sequence[Any]) -> list[str]:
    """The keys of records."""
    return [record.key.decode() for record in records]
