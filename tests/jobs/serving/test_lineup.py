"""Which role answers which request."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson

from penstock.jobs.models.folder import load_current
from penstock.jobs.serving.inputs import inputs_of, merged
from penstock.jobs.serving.lineup import BUCKETS, Chooser, Lineup, Role, bucket, lineup_of
from tests.jobs.serving.running import train_model
from tests.jobs.shop import DEFINITIONS, make_project


def test_a_bucket_is_that_of_the_documented_formula() -> None:
    digest = hashlib.sha256(b'cost\n{"customer":"ann"}').digest()
    assert bucket("cost", b'{"customer":"ann"}') == int.from_bytes(digest[:8], "big") % 10_000 == 3_510
    assert bucket("cost", b'{"customer":"bob"}') != bucket("other", b'{"customer":"bob"}')


def test_a_share_of_keys_is_about_its_percent() -> None:
    buckets = [bucket("cost", orjson.dumps({"customer": f"c{i}"})) for i in range(20_000)]
    assert min(buckets) >= 0 and max(buckets) < BUCKETS
    assert 900 < sum(each < 500 for each in buckets) < 1_100


def test_a_role_is_put_and_taken_away_for_a_part_or_the_rest(tmp_path: Path) -> None:
    plan = make_project(tmp_path).model("cost").model_plan
    model = load_current(train_model(tmp_path, plan), plan)
    first, second = lineup_of(model), Role(model, "canary", 5.0)
    assert first.changed(None, "canary", second).canary is second
    assert first.changed(None, "canary", second).changed(None, "canary", None).canary is None
    # a part has versions of its own as soon as one is current
    assert first.changed("de", "canary", second) is first
    parts = first.changed("de", "current", Role(model)).changed("de", "canary", second)
    assert (parts.at("de").canary, parts.at("fr"), parts.at(None), parts.canary) == (second, parts, parts, None)
    assert [each.alias for each in parts.roles()] == ["current", "current", "canary"]
    assert isinstance(parts, Lineup) and Chooser(plan, ())


def test_inputs_that_several_models_have_are_one(tmp_path: Path) -> None:
    more = 'other = Model("other", on=orders, output="o", inputs=[customer.items_20s, routes.named("hub"), shops])'
    project = make_project(tmp_path, DEFINITIONS + more)
    models = [inputs_of(project.model(name).model_plan, project.plans) for name in ("cost", "other")]
    together, numbers = merged(models)
    assert [item.name for item in together] == ["customer", "big", "routes", "shops", "weather", "hub"]
    assert numbers == [(0, 1, 2, 3, 4, 5), (0, 5, 3)]
    assert [name for name, _ in together[5].features] == ["cost_30s", "first_30s"]
    assert merged(models[:1])[1] == [(0, 1, 2, 3, 4, 5)]
