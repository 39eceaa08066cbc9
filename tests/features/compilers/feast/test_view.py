from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from feast import Entity, FeatureService, FeatureStore, FeatureView, ValueType
from feast.types import Bool, Float64, Int64, String, UnixTimestamp

from penstock import Model, Stream, View, count, last, lifetime, max
from penstock.features.compilers.feast.view import FINGERPRINT_TAG, change_points_folder, feast_objects
from penstock.features.errors import DefinitionError
from penstock.jobs.store.catalogue import project_objects

EXAMPLE = Path(__file__).parents[4] / "feature_repo"

orders = Stream(
    "orders", topic="orders", time="ts", id="order_id",
    columns=dict(order_id="string", customer="string", shop="int64", amount="float64", paid="bool", due="timestamp"),
)  # fmt: skip
by_shop = View("by_shop", orders, key=["customer", "shop"], features=dict(
    n=count().over("1h"), amount=max(orders.amount).over("1h"), paid=last(orders.paid).over(lifetime()),
    due=last(orders.due).over(lifetime()), who=last(orders.customer).over(lifetime()),
))  # fmt: skip
by_customer = View("by_customer", orders, key="customer", features=dict(n=count().over("1h")))
model = Model("m", on=orders, output="a", inputs=[by_customer, by_shop, by_customer.named("again").n_1h])


def objects(*views: View, models: Any = ()) -> dict[str, Any]:
    folders = {view.name: Path("/points") / view.name for view in views}
    return feast_objects([view.plan for view in views], [m.model_plan for m in models], folders)


def test_every_object_is_generated_under_a_name_of_its_own() -> None:
    made = objects(by_shop, by_customer, models=[model])
    assert set(made) == {
        "entity_customer", "entity_shop", "view_by_shop", "view_by_customer", "service_m",
    }  # fmt: skip
    kinds = {name: type(thing) for name, thing in made.items()}
    assert kinds["entity_shop"] is Entity
    assert kinds["view_by_shop"] is FeatureView
    assert kinds["service_m"] is FeatureService


def test_an_entity_is_a_key_column_and_views_share_it() -> None:
    made = objects(by_shop, by_customer)
    assert (made["entity_shop"].value_type, made["entity_shop"].join_key) == (ValueType.INT64, "shop")
    assert (made["entity_customer"].value_type, made["entity_customer"].join_key) == (ValueType.STRING, "customer")
    assert made["view_by_shop"].entities == ["customer", "shop"]
    assert made["view_by_customer"].entities == ["customer"]


def test_a_feature_view_has_the_views_features_with_their_types() -> None:
    view = objects(by_shop)["view_by_shop"]
    assert {field.name: field.dtype for field in view.features} == {
        "n_1h": Int64, "amount_1h": Float64, "paid_lifetime": Bool, "due_lifetime": UnixTimestamp,
        "who_lifetime": String,
    }  # fmt: skip


def test_a_feature_view_reads_the_change_points_which_hold_until_the_next() -> None:
    view = objects(by_shop)["view_by_shop"]
    assert view.batch_source.path == "/points/by_shop"
    assert view.batch_source.timestamp_field == "event_timestamp"
    assert view.batch_source.created_timestamp_column == "created_timestamp"
    assert view.ttl == timedelta(0)


def test_the_folder_of_change_points_is_known_by_its_view_whatever_its_name() -> None:
    for folder in (Path("/points/by_shop"), Path("/po[i]nt*s/by_shop")):
        (view,) = [v for v in feast_objects([by_shop.plan], [], {"by_shop": folder}).values() if v.name == "by_shop"]
        assert change_points_folder(view) == folder


def test_views_and_services_carry_the_fingerprints_of_their_plans() -> None:
    made = objects(by_shop, by_customer, models=[model])
    assert made["view_by_shop"].tags == {FINGERPRINT_TAG: by_shop.plan.fingerprint}
    assert made["service_m"].tags == {FINGERPRINT_TAG: model.model_plan.fingerprint}


def test_a_service_names_each_view_that_its_model_reads_once() -> None:
    service = objects(by_shop, by_customer, models=[model])["service_m"]
    assert [projection.name for projection in service.feature_view_projections] == ["by_customer", "by_shop"]


def test_a_key_column_with_two_types_is_refused() -> None:
    other = Stream("other", topic="other", time="ts", columns=dict(shop="string"))
    clash = View("clash", other, key="shop", features=dict(n=count().over("1h")))
    with pytest.raises(DefinitionError, match="clash has the key shop of type string") as refused:
        objects(by_shop, clash)
    assert refused.value.allowed == "shop of type int64, as in by_shop: in Feast both are one entity"
    assert refused.value.hint == "name one of the two columns otherwise"


def test_key_columns_that_differ_by_case_only_are_refused() -> None:
    other = Stream("other", topic="other", time="ts", columns=dict(Shop="int64"))
    with pytest.raises(DefinitionError, match="clash has the key Shop"):
        objects(by_shop, View("clash", other, key="Shop", features=dict(n=count().over("1h"))))


def test_feast_takes_the_objects_of_the_example(tmp_path: Path) -> None:
    (tmp_path / "feature_store.yaml").write_text(
        "project: example\nprovider: local\nregistry: registry.db\nentity_key_serialization_version: 3\n"
        "offline_store:\n  type: duckdb\nonline_store:\n  type: sqlite\n  path: online.db\n"
    )
    made = project_objects(EXAMPLE)
    store = FeatureStore(repo_path=str(tmp_path))
    store.apply(list(made.values()))
    assert {view.name for view in store.list_feature_views()} == {n[5:] for n in made if n.startswith("view_")}
    kept = store.get_feature_view("origin_traffic")
    assert kept.tags == made["view_origin_traffic"].tags
    assert {field.name for field in kept.features} == {field.name for field in made["view_origin_traffic"].features}
    assert store.get_feature_service("arrival_delay").tags == made["service_arrival_delay"].tags
