"""The ledger against a naive join, whatever the order in which the two topics are read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from penstock import Model, Objective, Stream
from penstock.features.plan import ModelPlan
from penstock.jobs.kafka.interface import Place
from penstock.jobs.ledger.arrays import answer_array, label_array
from penstock.jobs.ledger.joining import Answer, Outcome
from penstock.jobs.ledger.ledger import Ledger
from penstock.jobs.ledger.scores import COUNTS, HOUR_MS, Cell, Score, by_version, total
from penstock.jobs.training.losses import losses_of
from penstock.jobs.training.metrics import metrics_of

CLASSES = ("a", "b", "c")
DAY = 24 * HOUR_MS


def plan_of(objective: Any, type: str = "float64", maturity: str | None = None) -> ModelPlan:
    orders = Stream("orders", topic="orders", time="ts", id="id", columns=dict(id="string", x="float64"))
    paid = Stream("paid", topic="paid", time="ts", id="id", columns=dict(id="string", y=type))
    given = dict(label=paid.y, maturity=maturity, objective=objective)
    return Model("cost", on=orders, inputs=[orders.x], output="predictions.cost", **given).model_plan


def value_of(plan: ModelPlan, chance: random.Random) -> Any:
    if plan.objective.answer == "classes":
        return dict(zip(CLASSES, [chance.random() for _ in CLASSES], strict=True))
    if plan.objective.answer == "quantiles":
        return {repr(alpha): chance.gauss(0, 9) for alpha in plan.objective.alphas}
    return chance.random() if plan.objective.answer == "probability" else chance.gauss(0, 9)


def label_of(plan: ModelPlan, chance: random.Random) -> Any:
    assert plan.label is not None
    if chance.random() < 0.1:
        return None
    return {"string": chance.choice([*CLASSES, "unknown"]), "bool": chance.random() < 0.4}.get(
        plan.label.type, abs(chance.gauss(0, 9))
    )


def records(plan: ModelPlan, seed: int) -> list[Answer | Outcome]:
    """Some ids are asked twice, some have several labels, some none, some come twice."""
    chance = random.Random(seed)
    answers = [
        Answer(
            f"r{n}",
            chance.choice(["old", "new"]),
            orjson.dumps(f"e{chance.randrange(60)}").decode(),
            chance.randrange(-4 * HOUR_MS, 4 * HOUR_MS),
            orjson.dumps(value_of(plan, chance)),
            orjson.dumps({"x": chance.random()}),
        )
        for n in range(80)
    ]
    outcomes = [
        Outcome(
            orjson.dumps(f"e{chance.randrange(70)}").decode(),
            chance.randrange(-8, 12) * HOUR_MS // 2,
            chance.randrange(2),
            offset,
            label_of(plan, chance),
        )
        for offset in range(120)
    ]
    mixed = [*answers, *answers[:9], *outcomes, *outcomes[:9]]
    chance.shuffle(mixed)
    return mixed


def fed(ledger: Ledger, mixed: Sequence[Answer | Outcome], size: int) -> Ledger:
    for start in range(0, len(mixed), size):
        batch = mixed[start : start + size]
        answers = [each for each in batch if isinstance(each, Answer)]
        outcomes = [each for each in batch if isinstance(each, Outcome)]
        ledger.add(answers, outcomes, {Place("predictions.cost", 0): start + size})
    return ledger


def naive(plan: ModelPlan, mixed: Sequence[Answer | Outcome]) -> dict[str, tuple[Score, dict[str, float]]]:
    """By version: counts, and the metrics that training computes over the same ids."""
    assert plan.label is not None
    answers = dict.fromkeys(each for each in mixed if isinstance(each, Answer))
    outcomes = [each for each in mixed if isinstance(each, Outcome)]
    maturity, clock = plan.label.maturity_ms, max(each.t for each in outcomes)
    scores: dict[str, Score] = {}
    rows: dict[str, list[tuple[bytes, Any]]] = {}
    for answer in answers:
        mine = [each for each in outcomes if each.event == answer.event]
        if maturity is not None:
            mine = [each for each in mine if answer.t <= each.t <= answer.t + maturity]
        newest = max(mine, key=lambda each: (each.t, each.partition, each.offset), default=None)
        mature = maturity is None or answer.t + maturity <= clock
        known = mature and newest is not None and newest.label is not None
        scores[answer.version] = scores.get(answer.version, Score()) + Score(
            1,
            int(known),
            int(mature and newest is None and maturity is not None),
            int(mature and newest is not None and newest.label is None),
        )
        if known and newest is not None:
            rows.setdefault(answer.version, []).append((answer.value, newest.label))
    return {version: (scores[version], metrics(plan, rows.get(version, []))) for version in sorted(scores)}


def metrics(plan: ModelPlan, rows: list[tuple[bytes, Any]]) -> dict[str, float]:
    if not rows:
        return {}
    predicted, outputs = answer_array([answer for answer, _ in rows])
    label = label_array(plan, outputs, [label for _, label in rows])
    names = losses_of(plan.objective, predicted, label)
    of_all = metrics_of(plan.objective, predicted, label, np.ones(len(rows)))
    return {name: value for name, value in of_all.items() if name in names or name == "rmse"}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("maturity", [None, "2h"])
@pytest.mark.parametrize(
    ("objective", "type"),
    [
        ("l1", "float64"),
        ("poisson", "float64"),
        (Objective.tweedie(1.3), "float64"),
        (Objective.quantiles(0.1, 0.9), "float64"),
        ("binary", "bool"),
        ("multiclass", "string"),
    ],
    ids=lambda given: getattr(given, "name", given),
)
def test_the_live_error_is_the_batch_error_over_the_same_ids(
    objective: Any, type: str, maturity: str | None, seed: int, tmp_path: Path
) -> None:
    plan = plan_of(objective, type, maturity)
    mixed = records(plan, seed)
    wanted = naive(plan, mixed)
    held = []
    for number, size in enumerate((1, 17, len(mixed))):
        with fed(Ledger(tmp_path / f"{number}.db", plan, 90 * DAY), mixed, size) as ledger:
            held.append(by_version(ledger.scores()))
    assert held[0] == held[1] == held[2]
    for version, (score, its) in wanted.items():
        found = held[0][version]
        assert [getattr(found, name) for name in COUNTS] == [getattr(score, name) for name in COUNTS]
        assert found.metrics == its


def test_the_order_of_the_records_does_not_matter(tmp_path: Path) -> None:
    plan = plan_of("l1")
    mixed = records(plan, 5)
    with fed(Ledger(tmp_path / "a.db", plan, 90 * DAY), mixed, 10) as first:
        one = first.scores()
    # of repeats of one request the first counts, and all are equal
    with fed(Ledger(tmp_path / "b.db", plan, 90 * DAY), mixed[::-1], 10) as second:
        assert second.scores() == one
    assert total(one.values()).labelled > 30


def test_a_ledger_goes_on_where_it_was(tmp_path: Path) -> None:
    plan = plan_of("l1")
    mixed = records(plan, 6)
    for start in range(0, len(mixed), 50):
        with fed(Ledger(tmp_path / "a.db", plan, 90 * DAY), mixed[start : start + 50], 50) as ledger:
            assert ledger.offsets() == {Place("predictions.cost", 0): 50}
    with (
        fed(Ledger(tmp_path / "b.db", plan, 90 * DAY), mixed, 7) as other,
        Ledger(tmp_path / "a.db", plan, 90 * DAY) as ledger,
    ):
        assert ledger.scores() == other.scores()


def test_a_batch_that_fails_changes_nothing(tmp_path: Path) -> None:
    plan = plan_of("l1")
    mixed = records(plan, 7)
    with fed(Ledger(tmp_path / "a.db", plan, 90 * DAY), mixed[:50], 50) as ledger:
        before, offsets = ledger.scores(), ledger.offsets()
        answer = Answer("r", "new", '"e1"', 0, b"not a number", b"{}")
        with pytest.raises(orjson.JSONDecodeError):
            ledger.add([answer], [Outcome('"e1"', 1, 0, 1, 2.0)], {Place("predictions.cost", 0): 51})
        assert (ledger.scores(), ledger.offsets()) == (before, offsets)


def test_old_predictions_go_and_their_scores_stay(tmp_path: Path) -> None:
    plan = plan_of("l1")
    answer = Answer("r0", "v", '"e0"', 0, b"2.0", b"{}")
    later = replace(answer, id="r1", event='"e1"', t=3 * DAY)
    with Ledger(tmp_path / "a.db", plan, DAY) as ledger:
        ledger.add([answer, later], [Outcome('"e0"', 5, 0, 0, 5.0), Outcome('"e1"', 3 * DAY, 0, 1, 1.0)], {})
        assert ledger.db.execute("SELECT id FROM predictions").fetchall() == [("r1",)]
        assert ledger.scores()[Cell("v", 0)].metrics["mae"] == 3.0


def test_what_was_sent_is_not_sent_again_until_it_changes(tmp_path: Path) -> None:
    plan = plan_of("l1")
    with Ledger(tmp_path / "a.db", plan, DAY) as ledger:
        ledger.add([Answer("r0", "v", '"e0"', 5, b"2.0", b"{}")], [], {})
        unsent = ledger.unsent()
        assert list(unsent) == [Cell("v", 0)] and unsent[Cell("v", 0)][1].awaited == 1
        ledger.sent(unsent)
        assert ledger.unsent() == {}
        ledger.add([], [Outcome('"e0"', 9, 0, 0, 2.5)], {})
        ((seq, score),) = ledger.unsent().values()
        assert seq > unsent[Cell("v", 0)][0] and score.metrics["mae"] == 0.5
        ledger.sent(unsent)
        assert len(ledger.unsent()) == 1
