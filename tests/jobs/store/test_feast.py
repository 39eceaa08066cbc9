"""Feast's own commands on a project: what they write, what they refuse, what they say."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from feast import FeatureStore
from feast.repo_config import load_repo_config
from feast.repo_operations import plan as feast_plan

from penstock.features.errors import RefusedError, UsageError
from penstock.features.ingest import Row
from penstock.jobs.batch.backfill import backfill
from penstock.jobs.project.project import Project
from penstock.jobs.store.catalogue import apply
from penstock.jobs.store.clock import ABSENT
from penstock.jobs.store.materialize import materialize
from penstock.jobs.store.open import open_store
from penstock.jobs.store.schema import schema_of
from tests.jobs.shop import make_project, write_history

DEFINITIONS = """
from penstock import Stream, View, count, sum, lifetime
orders = Stream("orders", topic="orders", history="orders/*.parquet", time="ts", id="order",
    columns=dict(order="string", customer="string", amount="float64"))
customer = View("customer", orders, key="customer",
    features=dict(n=count().over("1d"), total=sum(orders.amount).over(lifetime())))
"""
REPO = """from pathlib import Path
from penstock.jobs.store.catalogue import project_objects
globals().update(project_objects(Path(__file__).parent))
"""
DAY = 86_400_000
ANN: Row = {"ts": 1_000, "order": "a", "customer": "ann", "amount": 1.0}
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = _with_feast(make_project(tmp_path / "shop", DEFINITIONS))
    (made.folder / "feast_repo.py").write_text(REPO)
    return made


def fill(project: Project, *rows: Row) -> None:
    write_history(project, "orders", rows)
    backfill(project.plans["customer"], project.histories("customer"), 0, 2 * DAY, project.backfills, memory="256MB")


def ann(project: Project) -> list[Any]:
    """Clock and values as the bulk read has them."""
    with open_store(project.folder) as store:
        (columns,) = store.read_rows([(schema_of(project.plans["customer"]), [("ann",)])])
    return [columns.t.tolist()[0], columns.seq.tolist()[0], *(column.values.tolist()[0] for column in columns.features)]


def test_feasts_materialize_writes_a_corrected_backfill_and_no_earlier_one(project: Project) -> None:
    fill(project, ANN)
    apply(project)
    feast = FeatureStore(repo_path=str(project.folder))
    feast.materialize(BEGIN, END)
    assert ann(project) == [1_000, 0, 1, 1.0]
    fill(project, {**ANN, "amount": 100.0})
    feast.materialize(BEGIN, END)
    assert ann(project) == [1_000, 0, 1, 100.0]
    with open_store(project.folder) as store:
        assert materialize(project, project.plans["customer"], store, DAY).later == 0
    frame = pd.DataFrame({"customer": ["ann"], "n_1d": [5], "total_lifetime": [5.0]})
    times = {"event_timestamp": [BEGIN + timedelta(seconds=1)], "created_timestamp": [BEGIN]}
    feast.write_to_online_store("customer", frame.assign(**times))
    assert ann(project) == [1_000, 0, 1, 100.0]
    feast.write_to_online_store("customer", frame.assign(**{**times, "created_timestamp": [datetime.now(UTC)]}))
    assert ann(project) == [1_000, 0, 5, 5.0]


def test_feasts_writes_never_mix_rows_of_two_definitions(project: Project) -> None:
    fill(project, ANN)
    apply(project)
    FeatureStore(repo_path=str(project.folder)).materialize(BEGIN, END)
    changed = _with_feast(
        make_project(project.folder, DEFINITIONS.replace("sum(orders.amount)", "sum(orders.amount * 2)"))
    )
    apply(changed)
    feast = FeatureStore(repo_path=str(project.folder))
    with pytest.raises(RefusedError, match="the change points of customer were made by another definition"):
        feast.materialize(BEGIN, END)
    fill(changed, ANN)
    with pytest.raises(RefusedError, match="the store's rows of view customer come from another definition"):
        feast.materialize(BEGIN, END)
    assert ann(project) == [1_000, 0, 1, 1.0]
    feast.teardown()
    apply(changed)
    FeatureStore(repo_path=str(project.folder)).materialize(BEGIN, END)
    assert ann(changed) == [1_000, 0, 1, 2.0]


def _with_feast(project: Project) -> Project:
    yaml = project.folder / "feature_store.yaml"
    yaml.write_text(
        yaml.read_text().replace("type: file", "type: penstock.jobs.store.offline.PenstockDuckDBOfflineStore")
    )
    return project


def test_times_that_the_change_points_do_not_cover_are_refused(project: Project) -> None:
    fill(project, ANN)
    apply(project)
    feast = FeatureStore(repo_path=str(project.folder))
    with pytest.raises(UsageError, match="the change points of customer do not cover 1970-01-03"):
        feast.materialize(BEGIN, BEGIN + timedelta(days=2))
    assert ann(project)[0] == ABSENT
    asked = pd.DataFrame({"customer": ["ann", "bob"], "event_timestamp": [END, END + timedelta(days=1)]})
    with pytest.raises(UsageError, match="the change points of customer cover 1970-01-01"):
        feast.get_historical_features(asked, ["customer:n_1d"]).to_df()
    found = feast.get_historical_features(asked.assign(event_timestamp=END), ["customer:n_1d"]).to_df()
    assert sorted(found["n_1d"].fillna(-1).tolist()) == [-1, 1]


def test_feasts_plan_settles_and_finds_the_change_points(
    project: Project,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(project, ANN)
    apply(project)
    # as the command does
    monkeypatch.chdir(project.folder)
    monkeypatch.syspath_prepend(str(project.folder))
    for module in ("definitions", "feast_repo"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    config = load_repo_config(project.folder, project.folder / "feature_store.yaml")
    with caplog.at_level(logging.WARNING):
        feast_plan(config, project.folder, False)
    assert "No changes to infrastructure" in capsys.readouterr().out
    assert [record.getMessage() for record in caplog.records if "FileSource" in record.getMessage()] == []


def test_a_key_that_was_never_seen_is_null_to_feast_and_the_values_over_nothing_to_penstock(project: Project) -> None:
    apply(project)
    feast = FeatureStore(repo_path=str(project.folder))
    asked = ["customer:n_1d", "customer:total_lifetime"]
    assert feast.get_online_features(asked, [{"customer": "ann"}]).to_dict() == {
        "customer": ["ann"],
        "n_1d": [None],
        "total_lifetime": [None],
    }
    assert ann(project)[2:] == [0, 0.0]
