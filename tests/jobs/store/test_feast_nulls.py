"""Every value type of Feast, with nulls, written by Feast's own ways in: our stores give what its stock ones give."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast import types as feast_types
from feast.protos.feast.types.Value_pb2 import Int64List, Value
from feast.types import Array, Set

from penstock.features.errors import PenstockError
from penstock.jobs.store.encoding import decode_column
from penstock.jobs.store.open import open_store
from penstock.jobs.store.rows import ViewSchema
from tests.jobs.store.conftest import Engine
from tests.jobs.store.projects import SQLITE, make_project

TIME = pd.Timestamp("2023-01-01 00:00:01.5", tz="UTC")
SCALARS: dict[str, Any] = {
    "Bytes": b"\x00x",
    "String": "é",
    "Int32": -5,
    "Int64": 2**60,
    "Float64": 0.1,
    "Float32": 0.5,
    "Bool": True,
    "UnixTimestamp": TIME,
}
#: Lists whose elements Feast lets be null; of the others it makes floats, and refuses them.
WITH_NULLS = ("Bytes", "String", "Float64", "Float32", "Bool", "UnixTimestamp")
OTHERS: dict[str, Any] = {"Map": {"a": "b"}, "Json": '{"a":1}', "PdfBytes": b"p", "ImageBytes": b"i"}
#: The null of a timestamp in Feast's values.
NAT = Value(unix_timestamp_val=-(2**63)).SerializeToString()


def columns() -> dict[str, tuple[Any, list[Any]]]:
    """Name → Feast's type and three values of it, the last one null."""
    made = {name.lower(): (getattr(feast_types, name), [value, value, None]) for name, value in SCALARS.items()}
    for name, value in SCALARS.items():
        type = getattr(feast_types, name)
        made[f"list_{name.lower()}"] = (Array(type), [[value, value], [], None])
        made[f"set_{name.lower()}"] = (Set(type), [{value}, {value}, None])
        if name in WITH_NULLS:
            made[f"nulls_{name.lower()}"] = (Array(type), [[value, None], [None], None])
    return made | {name.lower(): (getattr(feast_types, name), [value, value, None]) for name, value in OTHERS.items()}


def view_of(folder: Path, types: dict[str, Any]) -> tuple[FeatureStore, Path]:
    """A repository with one view of these features, and the file of its source."""
    file, store = folder / "source.parquet", FeatureStore(repo_path=str(folder))
    entity = Entity(name="k", join_keys=["k"], value_type=ValueType.INT64)
    schema = [Field(name=name, dtype=type) for name, type in {"k": feast_types.Int64, **types}.items()]
    source = FileSource(name="source", path=str(file), timestamp_field="event_timestamp")
    view = FeatureView(name="v", entities=[entity], schema=schema, source=source, ttl=timedelta(0))
    store.apply([entity, view])
    return store, file


def read(store: FeatureStore, names: list[str]) -> dict[str, str]:
    """As text: NaN is not equal to itself."""
    rows = [{"k": key} for key in range(4)]
    answer = store.get_online_features([f"v:{name}" for name in names], rows).to_dict()
    return {name: repr(answer[name]) for name in names}


@pytest.fixture
def stock(engine: Engine, tmp_path: Path) -> Path:
    """A project on Feast's own store of the same kind."""
    options = engine.options + (",db=1" if engine.type != SQLITE else "")
    return make_project(tmp_path / "stock", "sqlite" if engine.type == SQLITE else "redis", options)


def test_what_is_written_with_nulls_is_read_as_from_feasts_own_store(project: Path, stock: Path) -> None:
    given = columns()
    frame = pd.DataFrame(
        {
            "k": range(3),
            "event_timestamp": [TIME] * 3,
            **{name: pd.Series(values, dtype=object) for name, (_, values) in given.items()},
        }
    )
    answers = []
    for folder in (stock, project):
        store, _ = view_of(folder, {name: type for name, (type, _) in given.items()})
        store.write_to_online_store("v", frame)
        answers.append(read(store, list(given)))
    assert answers[0] == answers[1]
    assert all(answer.endswith("None, None]") for name, answer in answers[1].items())


def test_what_is_materialized_with_nulls_is_read_as_from_feasts_own_store(project: Path, stock: Path) -> None:
    types = {name: getattr(feast_types, name) for name in ("Int64", "Float64", "String", "Bool", "UnixTimestamp")}
    arrow = (pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.timestamp("us", "UTC"))
    values = {name: pa.array([SCALARS[name], None], type) for name, type in zip(types, arrow, strict=True)}
    times = pa.array([TIME] * 2, pa.timestamp("us", "UTC"))
    answers = []
    for folder in (stock, project):
        store, file = view_of(folder, types)
        pq.write_table(pa.table({"k": [0, 1], "event_timestamp": times, **values}), file)
        store.materialize(TIME - timedelta(days=1), TIME + timedelta(days=1))
        answers.append(read(store, list(types)))
    assert answers[0] == answers[1]
    assert answers[1]["UnixTimestamp"].endswith("None, None, None]")
    names = {"Int64": "int64", "Float64": "float64", "String": "string", "Bool": "bool", "UnixTimestamp": "timestamp"}
    schema = ViewSchema("v", (("k", "int64"),), tuple(names.items()), (None,) * len(names), "f")
    with open_store(project) as bulk:
        (rows,) = bulk.read_rows([(schema, [(0,), (1,)])])
    assert [column.null.tolist() for column in rows.features] == [[False, True]] * len(names)
    assert rows["UnixTimestamp"].values[0] == int(TIME.timestamp()) * 1_000


def test_feasts_null_timestamp_is_null_and_one_that_does_not_fit_is_told() -> None:
    late = Value(unix_timestamp_val=2**62).SerializeToString()
    values, null = decode_column("timestamp", [NAT, b"", Value(unix_timestamp_val=-1).SerializeToString()], where="x")
    assert (values.tolist(), null.tolist()) == ([0, 0, -1_000], [True, True, False])
    with pytest.raises(PenstockError, match="not timestamp"):
        decode_column("timestamp", [late], where="x")
    listed = Value(unix_timestamp_list_val=Int64List(val=[1, -(2**63)])).SerializeToString()
    assert decode_column("list<timestamp>", [listed], where="x")[0].tolist() == [[1_000, None]]
