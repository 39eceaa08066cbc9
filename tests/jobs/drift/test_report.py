"""Drift of answers in a ledger: an alarm where something is new, and none where it is not."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from penstock.features.plan import ModelPlan
from penstock.features.span import Span
from penstock.jobs.binning.blocks import HOUR_MS
from penstock.jobs.binning.counting import Counting
from penstock.jobs.drift.page import page
from penstock.jobs.drift.report import report
from penstock.jobs.drift.watching import Watching
from penstock.jobs.ledger.joining import Answer, Outcome
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.models.folder import LoadedModel, load_current
from penstock.jobs.models.log import entries
from penstock.jobs.training.train import train
from tests.jobs.ledger.test_ledger import DAY
from tests.jobs.models.examples import COLUMNS, write_set

PER_HOUR = 40
TRAINED, SERVED = 150, 30
#: From this hour on something is new.
NEW = 20


def served_plan() -> ModelPlan:
    """Labels come on a topic of their own."""
    from penstock import Model, Stream

    orders = Stream("orders", topic="orders", time="ts", id="id", columns={"id": "string", **COLUMNS})
    paid = Stream("paid", topic="paid", time="ts", id="id", columns=dict(id="string", y="float64"))
    inputs = [orders[name] for name in COLUMNS]
    return Model("cost", on=orders, inputs=inputs, label=paid.y, output="predictions.cost").model_plan


PLAN = served_plan()


def table(hours: int, seed: int) -> dict[str, Any]:
    chance, n = np.random.default_rng(seed), hours * PER_HOUR
    x = chance.normal(size=n)
    return {
        "id": [f"o{seed}-{i}" for i in range(n)],
        "t": [i * HOUR_MS // PER_HOUR for i in range(n)],
        "x": x.tolist(),
        "n": chance.integers(0, 5, n).tolist(),
        "kind": chance.choice(["a", "b", "c"], n).tolist(),
        "gift": (chance.random(n) < 0.5).tolist(),
        "placed": chance.integers(0, 1000, n).tolist(),
        "label": (10 * x).tolist(),
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("model")
    file = write_set(folder / "set.parquet", PLAN, table(TRAINED + 10, 1), (0, (TRAINED + 10) * HOUR_MS))
    spans = Span(0, TRAINED * HOUR_MS), Span(TRAINED * HOUR_MS, (TRAINED + 10) * HOUR_MS)
    train(file, PLAN, folder / "models", *spans, parameters={"num_iterations": 20})
    return load_current(folder / "models", PLAN)


def ledger_of(folder: Path, model: LoadedModel, columns: dict[str, Any]) -> Ledger:
    ledger = Ledger(folder / "a.db", PLAN, 90 * DAY, Counting(model.models, PLAN))
    start = 200 * HOUR_MS
    answers, outcomes = [], []
    for n, t in enumerate(columns["t"]):
        event = orjson.dumps(columns["id"][n]).decode()
        vector = orjson.dumps({name: columns[name][n] for name in COLUMNS})
        answers.append(Answer(f"r{n}", model.version, event, start + t, b"1.0", vector))
        outcomes.append(Outcome(event, start + t + 1, 0, n, columns["label"][n]))
    ledger.add(answers, [], {})
    ledger.add([], outcomes, {})
    return ledger


def changed(name: str, change: Any) -> dict[str, Any]:
    columns = table(SERVED, 2)
    columns[name] = [
        change(value) if t >= NEW * HOUR_MS else value for value, t in zip(columns[name], columns["t"], strict=True)
    ]
    return columns


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("x", lambda x: 60 * x),
        ("x", lambda x: None),
        ("kind", lambda kind: kind.upper()),
        ("label", lambda y: y + 40),
    ],
)
def test_what_is_new_is_an_alarm_in_its_first_window(
    model: LoadedModel, tmp_path: Path, name: str, change: Any
) -> None:
    with ledger_of(tmp_path, model, changed(name, change)) as ledger:
        (version,) = report(ledger, PLAN).versions
        alarms = list(version.alarms())
        assert {alarm.feature for alarm in alarms} == {name}
        assert [alarm.window.from_ms for alarm in alarms] == [(200 + hour) * HOUR_MS for hour in range(NEW, SERVED)]
        told: list[str] = []
        watching = Watching(ledger, PLAN, model.models, told.append)
        figures = watching.look()[model.version, name]
        watching.look()
    assert figures.psi > figures.limit
    assert len(told) == 1 and told[0].startswith(f"DRIFT of {name}")
    assert [each.details["feature"] for each in entries(model.models, "cost") if each.action == "drift"][-1] == name


def test_what_is_not_new_is_none(model: LoadedModel, tmp_path: Path) -> None:
    with ledger_of(tmp_path, model, table(SERVED, 3)) as ledger:
        found = report(ledger, PLAN)
        assert list(found.versions[0].alarms()) == [] and found.blind == []
        assert len(found.versions[0].windows) == SERVED and found.versions[0].rows == (1200, 1200)
        html = page(found)
    for place in range(len(COLUMNS) + 1):
        assert f'id="index-0-{place}"' in html and f'id="shares-0-{place}"' in html


def test_a_label_that_changes_is_counted_once(model: LoadedModel, tmp_path: Path) -> None:
    columns = table(SERVED, 4)
    with ledger_of(tmp_path, model, columns) as ledger:
        before = report(ledger, PLAN).versions[0].features[-1].counts
        event = orjson.dumps(columns["id"][0]).decode()
        ledger.add([], [Outcome(event, 10**12, 0, 1, None)], {})
        after = report(ledger, PLAN).versions[0].features[-1].counts
    assert after.sum() == before.sum() and after[-1] == before[-1] + 1


def test_a_version_that_is_gone_has_its_bins_in_the_ledger(model: LoadedModel, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(Path(model.models), models)
    with ledger_of(tmp_path, replace(model, models=models), table(SERVED, 3)) as ledger:
        shutil.rmtree(models)
        (version,) = report(ledger, PLAN).versions
    assert (version.version, version.rows) == (model.version, (1200, 1200))


def test_a_version_without_counts_is_named(model: LoadedModel, tmp_path: Path) -> None:
    with Ledger(tmp_path / "a.db", PLAN, 90 * DAY, Counting(model.models, PLAN)) as ledger:
        ledger.add([Answer("r", "20990101T000000Z-0123456789ab", '"e"', 0, b"1.0", b"{}")], [], {})
        found = report(ledger, PLAN)
    assert (found.versions, found.blind) == ([], ["20990101T000000Z-0123456789ab"])
