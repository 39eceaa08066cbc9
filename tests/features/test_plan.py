"""Plans as JSON. The golden files show what the shipped example compiles to.

After a change that is meant, write them anew and read the difference:
``PENSTOCK_WRITE_GOLDEN=1 python -m pytest tests/features/test_plan.py``.
"""

import json
import os
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from penstock import (
    Model,
    Stream,
    Table,
    View,
    argmax,
    column,
    count,
    decayed_sum,
    histogram,
    last,
    last_k,
    lifetime,
    mean,
    percentile,
    sliding,
)
from penstock.features.canonical import canonical_json, fingerprint
from penstock.features.plan import ViewPlan
from penstock.jobs.project.project import read_definitions

EXAMPLE = Path(__file__).parents[2] / "feature_repo" / "definitions.py"
GOLDEN = Path(__file__).parent / "plans"
WRITE = "PENSTOCK_WRITE_GOLDEN"

_, VIEWS, MODELS = read_definitions(EXAMPLE)
PLANS = {name: view.plan.json for name, view in VIEWS.items()} | {n: m.model_plan.json for n, m in MODELS.items()}


def readable(value: Any, indent: str = "") -> str:
    """JSON with every part that fits on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= 118 or not isinstance(value, (dict, list)):
        return line
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {readable(part, inner)}" for key, part in value.items()]
    else:
        parts = [readable(part, inner) for part in value]
    ends = "{}" if isinstance(value, dict) else "[]"
    return ends[0] + "".join(f"\n{inner}{part}," for part in parts)[:-1] + f"\n{indent}{ends[1]}"


def stream(**changes: Any) -> Stream:
    arguments = dict(topic="orders", history="orders", time="ts", id="order_id")
    columns = dict(order_id="string", k="string", j="int64", x="float64", b="bool")
    return Stream("orders", **{**arguments, "columns": columns, **changes})


def view(source: Stream | None = None, name: str = "v", key: Any = "k", **changes: Any) -> View:
    source = source or stream()
    features = dict(n=count(where=source.b).over("1h"), x=mean(source.x).over("1h", sliding("30d", step="1h")))
    return View(name, source, key=key, **{"features": features, **changes})


@pytest.mark.parametrize("name", PLANS)
def test_the_example_compiles_to_its_golden_plan(name: str) -> None:
    file = GOLDEN / f"{name}.json"
    text = readable(json.loads(PLANS[name])) + "\n"
    if os.environ.get(WRITE):
        file.write_text(text)
    assert file.read_text() == text, f"{file.name} differs: {WRITE}=1 writes it anew"


def test_every_golden_plan_has_its_definition() -> None:
    assert {file.stem for file in GOLDEN.glob("*.json")} == set(PLANS)


@pytest.mark.parametrize("name", VIEWS)
def test_a_plan_is_read_back_whole_from_its_json(name: str) -> None:
    plan = VIEWS[name].plan
    again = ViewPlan.from_json(plan.json)
    assert again.json == plan.json
    assert again.fingerprint == plan.fingerprint == fingerprint(plan.json)
    assert [f.default for f in again.features] == [f.default for f in plan.features]


@pytest.mark.parametrize("text", PLANS.values(), ids=PLANS)
def test_the_json_of_a_plan_is_canonical(text: str) -> None:
    assert canonical_json(json.loads(text)) == text


def test_where_data_lies_is_no_part_of_its_meaning() -> None:
    moved = view(stream(topic="elsewhere", history="archive/*.parquet"))
    assert moved.plan.fingerprint == view().plan.fingerprint


def test_the_order_of_what_has_no_order_counts_where_it_can_be_seen() -> None:
    source = stream()
    one = dict(a=count().over("1h"), b=mean(source.x).over("1h"))
    assert view(source, features=one).plan.json == view(source, features=dict(one)).plan.json
    assert (
        view(source, features=dict(reversed(one.items()))).plan.fingerprint
        != view(source, features=one).plan.fingerprint
    )


@pytest.mark.parametrize(
    "changed",
    [
        view(name="w"),
        view(key="j"),
        view(key=["k", "j"]),
        view(stream(lateness="2d")),
        view(stream(max_ahead="2h")),
        view(stream(disorder="1s")),
        view(stream(id=None)),
        view(stream(columns=dict(order_id="string", k="string", j="int64", x="float64", b="bool", y="int64"))),
        (lambda s: view(s, filter=s.b))(stream()),
        (lambda s: view(s, features=dict(n=count(where=~s.b).over("1h"), x=mean(s.x).over("1h"))))(stream()),
        (lambda s: view(s, features=dict(n=count(where=s.b).over("2h"), x=mean(s.x).over("1h"))))(stream()),
    ],
)
def test_every_change_of_meaning_changes_the_fingerprint(changed: View) -> None:
    assert changed.plan.fingerprint != view().plan.fingerprint


def test_places_are_a_part_of_the_meaning_of_a_sum() -> None:
    columns = dict(order_id="string", k="string", j="int64", x=column("float64", places=2), b="bool")
    assert view(stream(columns=columns)).plan.fingerprint != view().plan.fingerprint


def test_what_an_aggregate_is_given_is_part_of_its_meaning_and_comes_back() -> None:
    x = stream()
    given = [
        percentile(x.x, 50), percentile(x.x, 99.9), last_k(x.x, 2), last_k(x.x, 3), argmax(x.x, by=x.j),
        argmax(x.x, by=x.k), histogram(x.x, [0, 1]), histogram(x.x, [0, 0.5, 1]), histogram(x.j, [0, 1]),
        decayed_sum(x.x, "30m"), decayed_sum(x.x, "20m"),
    ]  # fmt: skip
    plans = [view(x, features=dict(f=feature.over("1h"))).plan for feature in given]
    assert len({plan.fingerprint for plan in plans}) == len(plans)
    for plan in plans:
        again = ViewPlan.from_json(plan.json)
        assert (again.json, again.features) == (plan.json, plan.features)


def test_a_model_covers_the_fingerprints_of_its_views_but_not_its_output() -> None:
    def model(output: str = "answers", window: str = "1h") -> Model:
        source = stream()
        read = View("v", source, key="k", features=dict(n=count().over(window)))
        return Model("m", on=source, output=output, inputs=[source.x], derived=dict(d=read[f"n_{window}"] + 1))

    assert model().model_plan.fingerprint == model(output="others").model_plan.fingerprint
    assert model().model_plan.fingerprint != model(window="2h").model_plan.fingerprint
    assert model().model_plan.inputs[0].fingerprint in model().model_plan.json


def test_defaults_are_the_values_over_nothing() -> None:
    source = stream()
    made = view(source, features=dict(n=count().over("1h"), x=last(source.x).over(lifetime())))
    assert [f.default for f in made.plan.features] == [0, None]


def test_only_a_table_without_time_is_static() -> None:
    assert Table("t", history="t", key="k", columns=dict(k="string", x="int64")).plan.static
    assert not Table("t", history="t", time="ts", key="k", columns=dict(k="string", x="int64")).plan.static
    assert not view().plan.static


def test_plans_are_frozen() -> None:
    plan = view().plan
    with pytest.raises(FrozenInstanceError):
        plan.name = "w"  # type: ignore[misc]
    assert replace(plan.features[0], name="m").name == "m"


def test_a_source_knows_its_columns_by_name() -> None:
    assert stream().source_plan.column("x").type == "float64"
    assert [c.name for c in stream().source_plan.columns if not c.nullable] == ["ts"]


def test_plans_hold_plain_text_only() -> None:
    table = Table("t", history="t", key="k", columns=dict(k="string", x="int64"))
    source = stream()
    model = Model("m", on=source, output="a", inputs=[table], label=stream(topic="other").x).model_plan
    texts = [table.plan.name, table.plan.source.name, model.on.name, model.on.time]
    texts += [model.inputs[0].name, model.inputs[0].view, model.vector[0].name, model.label and model.label.source]
    assert {type(text) for text in texts} == {str}
