"""Keys that are erased, in both stores."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from penstock.features.errors import PenstockError, RefusedError
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import FeatureRow, ViewSchema
from tests.jobs.store.projects import REDIS, applied, make_project
from tests.redis_server import RedisServer

TYPES = ("int64", "float64", "string", "list<int64>")
FEATURES = tuple((f"f{place}", type) for place, type in enumerate(TYPES))
SCHEMA = ViewSchema("sales", (("shop", "string"), ("city", "int64")), FEATURES, (0, None, None, ()), "aa11")
OTHER = ViewSchema("visits", SCHEMA.key, FEATURES, SCHEMA.defaults, "bb22")
KEYS = [("é", 1), ("é", 2), ("never", 3)]


def row(key: tuple[str, int], t: int, seq: int = 1) -> FeatureRow:
    return FeatureRow(key, t, seq, (t, 0.5, "x", [t]))


def times(folder: Path, schema: ViewSchema = SCHEMA) -> list[int | None]:
    """The t of each key's row."""
    with open_store(folder) as store:
        (columns,) = store.read_rows([(schema, KEYS)])
    return [t if there else None for t, there in zip(columns.t.tolist(), columns.present.tolist(), strict=True)]


def test_an_erased_key_is_gone_for_all_readers_and_others_stay(project: Path) -> None:
    feast = applied(project, SCHEMA, OTHER)
    with open_store(project) as store:
        store.write_views([(schema, [row(key, 5) for key in KEYS[:2]]) for schema in (SCHEMA, OTHER)])
        store.erase_rows([(SCHEMA, [KEYS[0], KEYS[2], KEYS[0]]), (OTHER, [])])
    assert times(project) == [None, 5, None]
    assert times(project, OTHER) == [5, 5, None]
    asked = [dict(zip(("shop", "city"), key, strict=True)) for key in KEYS]
    read = feast.get_online_features(["sales:f0", "visits:f0"], asked, full_feature_names=True).to_dict()
    assert (read["sales__f0"], read["visits__f0"]) == ([None, 5, None], [5, 5, None])


def test_whatever_row_comes_after_an_erasure_is_written(project: Path) -> None:
    with open_store(project) as store:
        store.write_rows(SCHEMA, [row(KEYS[0], 5, 9)])
        store.erase_rows([(SCHEMA, KEYS)])
        assert store.write_rows(SCHEMA, [row(KEYS[0], 4), row(KEYS[0], 3)]) == 1
        store.erase_rows([(SCHEMA, KEYS)])
        store.erase_rows([(SCHEMA, KEYS)])
    assert times(project) == [None] * 3


def test_a_view_that_was_never_written_has_nothing_to_erase(project: Path) -> None:
    with open_store(project) as store:
        store.erase_rows([(SCHEMA, KEYS)])
        store.erase_rows([])
    assert times(project) == [None] * 3


def test_rows_of_another_definition_are_not_erased(project: Path) -> None:
    with open_store(project) as store:
        store.write_rows(SCHEMA, [row(KEYS[0], 5)])
    changed = ViewSchema(SCHEMA.name, SCHEMA.key, FEATURES, SCHEMA.defaults, "cc33")
    with open_store(project) as store, pytest.raises(RefusedError, match="another definition"):
        store.erase_rows([(changed, KEYS)])
    with open_store(project) as store, pytest.raises(PenstockError, match="does not fit its columns"):
        store.erase_rows([(SCHEMA, [(None, 1)])])
    assert times(project) == [5, None, None]


def test_nothing_of_an_erased_key_is_left_in_redis(empty_redis: RedisServer, tmp_path: Path) -> None:
    folder = make_project(tmp_path / "own", REDIS, f"connection_string: {empty_redis.connection_string}")
    with open_store(folder) as store, Redis(port=empty_redis.port) as client:
        store.write_rows(SCHEMA, [row(key, 5) for key in KEYS[:2]])
        assert len(client.keys("*shop")) == 2
        store.erase_rows([(SCHEMA, KEYS[:1])])
        assert len(client.keys("*shop")) == 1
