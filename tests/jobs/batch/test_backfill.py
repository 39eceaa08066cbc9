from __future__ import annotations

import builtins
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock import Stream, View, count, distinct, lifetime, max, mean, sliding, std, sum, union
from penstock.features.errors import PenstockError, UsageError
from penstock.features.oracle import batch
from penstock.features.plan import ViewPlan
from penstock.jobs.batch import backfill as module
from penstock.jobs.batch.backfill import BackfillReport, backfill
from penstock.jobs.batch.parts import FEAST_COLUMNS, ViewParts, part_schema

events = Stream(
    "events", history="*.parquet", time="ts", id="eid", columns=dict(eid="string", k="string", x="float64", n="int64")
)
PLAN = View("v", events, key="k", features=dict(
    c=count().over("10s", "1m"), x=mean(events.x).over("10s", sliding("1m", step="10s")), d=std(events.x).over("1m"),
    m=max(events.x).over("10s"), s=sum(events.n).over(lifetime()),
)).plan  # fmt: skip
OTHER = View("v", events, key="k", features=dict(c=count().over("20s"))).plan
HOUR = 3_600_000


def rows(n: int, seed: int = 0) -> list[dict[str, Any]]:
    rand = random.Random(seed)
    return [
        {
            "eid": f"e{i}",
            "k": rand.choice("abcde"),
            "x": rand.choice([None, round(rand.uniform(-99, 99), 3)]),
            "n": i,
            "ts": rand.randrange(HOUR),
        }
        for i in range(n)
    ]


def write(path: Path, data: list[dict[str, Any]]) -> None:
    schema = pa.schema(
        {"eid": pa.string(), "k": pa.string(), "x": pa.float64(), "n": pa.int64(), "ts": pa.timestamp("ms", tz="UTC")}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(data, schema), path)


def run(folder: Path, start: int = 0, end: int = 2 * HOUR, plan: ViewPlan = PLAN, **options: Any) -> BackfillReport:
    return backfill(plan, str(folder / "history" / "*.parquet"), start, end, folder / "out", memory="1GB", **options)


def change_points(folder: Path, plan: ViewPlan = PLAN) -> list[tuple[Any, ...]]:
    """All parts' rows by key and time, as the oracle gives them."""
    parts = ViewParts(folder / "out" / plan.name, plan).all()
    table = pa.concat_tables(pq.read_table(part.path) for part in parts).sort_by(
        [("k", "ascending"), ("t", "ascending")]
    )
    assert table.schema.remove_metadata() == part_schema(plan)
    assert table["event_timestamp"].cast(pa.int64()).to_pylist() == [1000 * t for t in table["t"].to_pylist()]
    return [tuple(row.values()) for row in table.drop_columns(list(FEAST_COLUMNS)).to_pylist()]


def expected(data: list[dict[str, Any]], start: int = 0, end: int = 2 * HOUR, plan: ViewPlan = PLAN) -> list[Any]:
    return [(*key, t, *values) for key, t, _, values in batch(plan, data).rows if start <= t < end]


def test_the_change_points_are_the_oracles(tmp_path: Path) -> None:
    data = rows(400)
    write(tmp_path / "history" / "a.parquet", data[:150])
    write(tmp_path / "history" / "b.parquet", data[150:])
    report = run(tmp_path)
    assert change_points(tmp_path) == expected(data)
    assert report.rows == len(expected(data)) and report.slices == 1
    assert report.counts == {"applied": 400, "too_late": 0, "duplicate": 0, "dead": 0}


def test_many_slices_give_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = rows(600)
    write(tmp_path / "history" / "a.parquet", data)
    monkeypatch.setattr(module, "_events_per_slice", lambda db, plan: 50)
    told: list[tuple[int, int]] = []
    report = run(tmp_path, progress=lambda done, total: told.append((done, total)))
    assert report.slices == 12
    assert [done for done, _ in told] == sorted(done for done, _ in told) and told[-1][0] == told[-1][1]
    assert change_points(tmp_path) == expected(data)


def test_where_slices_read_all_before_them_only_a_busy_key_makes_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ever = View(
        "ever", events, key="k", features=dict(d=distinct(events.n).over(lifetime()), c=count().over("1m"))
    ).plan
    data = rows(600)
    write(tmp_path / "history" / "a.parquet", data)
    for most, slices in ((150, 1), (40, 4)):
        monkeypatch.setattr(module, "_events_per_slice", lambda db, plan, most=most: most)
        report = run(tmp_path, plan=ever)
        assert (report.slices, report.reused) == (slices, 0)
        assert change_points(tmp_path, ever) == expected(data, plan=ever)
        parts = [part.path for part in ViewParts(tmp_path / "out" / "ever", ever).all()]
        came = [Counter(event["k"] for event in data if _within(event["ts"], path)) for path in parts]
        assert builtins.max(n for counted in came for n in counted.values()) <= most


def _within(time: int, part: Path) -> bool:
    start, end = map(int, part.stem.removeprefix("part-").split("-"))
    return start <= time < end


def test_a_range_gives_only_its_own_rows(tmp_path: Path) -> None:
    data = rows(300)
    write(tmp_path / "history" / "a.parquet", data)
    run(tmp_path, HOUR // 3, HOUR // 2)
    assert change_points(tmp_path) == expected(data, HOUR // 3, HOUR // 2)


def test_ranges_side_by_side_and_over_each_other_leave_every_row_once(tmp_path: Path) -> None:
    data = rows(300)
    write(tmp_path / "history" / "a.parquet", data)
    run(tmp_path, 0, HOUR // 2)
    run(tmp_path, HOUR // 2, 2 * HOUR)
    assert change_points(tmp_path) == expected(data)
    report = run(tmp_path, HOUR // 4, HOUR)
    assert len(report.replaced) == 2
    assert change_points(tmp_path) == expected(data)
    spans = sorted((part.from_ms, part.to_ms) for part in ViewParts(tmp_path / "out" / "v", PLAN).all())
    assert spans == [(0, HOUR // 4), (HOUR // 4, HOUR), (HOUR, 2 * HOUR)]


def test_an_interrupted_backfill_goes_on_after_its_finished_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = rows(300)
    write(tmp_path / "history" / "a.parquet", data)
    monkeypatch.setattr(module, "_events_per_slice", lambda db, plan: 50)

    def interrupt(done: int, total: int) -> None:
        if done >= 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, progress=interrupt)
    finished = list((tmp_path / "out" / "v").iterdir())
    assert len(finished) == 3 and all(path.name.startswith("part-") for path in finished)
    report = run(tmp_path)
    assert (report.reused, report.slices) == (3, 6)
    assert change_points(tmp_path) == expected(data)


def test_a_changed_history_is_computed_anew(tmp_path: Path) -> None:
    write(tmp_path / "history" / "a.parquet", rows(50))
    run(tmp_path)
    write(tmp_path / "history" / "a.parquet", rows(60, seed=1))
    assert run(tmp_path).reused == 0
    assert change_points(tmp_path) == expected(rows(60, seed=1))


def test_another_definition_replaces_all_parts(tmp_path: Path) -> None:
    data = rows(50)
    write(tmp_path / "history" / "a.parquet", data)
    run(tmp_path, 0, HOUR)
    report = run(tmp_path, HOUR // 2, 2 * HOUR, OTHER)
    assert report.replaced == [f"part-0-{HOUR}.parquet"]
    assert change_points(tmp_path, OTHER) == expected(data, HOUR // 2, 2 * HOUR, OTHER)


def test_repeats_count_once_across_files_and_the_first_one_counts(tmp_path: Path) -> None:
    data = rows(40)
    again = [{**row, "x": 55.0} for row in data[:10]]
    write(tmp_path / "history" / "a.parquet", data)
    write(tmp_path / "history" / "b.parquet", [*again, *data[:3]])
    report = run(tmp_path)
    assert report.counts == {"applied": 40, "too_late": 0, "duplicate": 13, "dead": 0}
    assert change_points(tmp_path) == expected(data)


def test_bad_rows_are_counted_and_written_with_their_place_and_values(tmp_path: Path) -> None:
    data = rows(20)
    bad = [{**data[0], "k": None}, {**data[1], "x": 1e10}, {**data[2], "ts": None}, {**data[3], "x": float("nan")}]
    write(tmp_path / "history" / "a.parquet", [*data[4:], *bad])
    report = run(tmp_path)
    assert report.counts == {"applied": 17, "too_late": 0, "duplicate": 0, "dead": 3}
    rejects = [json.loads(line) for line in Path(str(report.rejects)).read_text().splitlines()]
    assert [(r["row"], r["error"], r["view"]) for r in rejects] == [
        (16, "missing key", "v"),
        (17, "out of range", "v"),
        (18, "missing time", "v"),
    ]
    assert rejects[1]["values"]["eid"] == data[1]["eid"] and rejects[1]["file"].endswith("a.parquet")
    assert change_points(tmp_path) == expected([*data[4:], {**data[3], "x": None}])


def test_the_streams_of_a_union_are_read_and_counted_each_for_itself(tmp_path: Path) -> None:
    others = Stream("others", history="*.parquet", time="ts", columns=dict(k="string", x="float64"))
    both = union(events, others)
    plan = View("v", both, key="k", features=dict(c=count().over("10s"), s=sum(both.x).over("1m"))).plan
    data, more = rows(30), rows(20, seed=1)
    write(tmp_path / "events" / "a.parquet", [*data, data[0], {**data[1], "k": None}])
    write(tmp_path / "others" / "a.parquet", [*more, more[0], {**more[1], "ts": None}, {**more[2], "x": 1e10}])
    history = {name: str(tmp_path / name / "*.parquet") for name in ("events", "others")}
    report = backfill(plan, history, 0, 2 * HOUR, tmp_path / "out", memory="1GB")
    assert report.of_sources == {
        "events": {"applied": 30, "too_late": 0, "duplicate": 1, "dead": 1},
        "others": {"applied": 21, "too_late": 0, "duplicate": 0, "dead": 2},
    }
    assert report.counts == {"applied": 51, "too_late": 0, "duplicate": 1, "dead": 3}
    assert "; others 23 events (21 applied, 0 too late, 0 duplicate, 2 dead)" in report.summary()
    rejects = [json.loads(line) for line in Path(str(report.rejects)).read_text().splitlines()]
    assert [(r["source"], r["row"], r["error"], sorted(r["values"])) for r in rejects] == [
        ("events", 31, "missing key", ["eid", "k", "n", "ts", "x"]),
        ("others", 21, "missing time", ["k", "ts", "x"]),
        ("others", 22, "out of range", ["k", "ts", "x"]),
    ]
    given = [{**row, "_source": "events"} for row in data] + [{**row, "_source": "others"} for row in [*more, more[0]]]
    assert change_points(tmp_path, plan) == expected(given, plan=plan)


def test_rejects_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    write(tmp_path / "history" / "a.parquet", [{**rows(1)[0], "k": None}])
    assert run(tmp_path).rejects is not None
    write(tmp_path / "history" / "a.parquet", rows(5))
    assert run(tmp_path).rejects is None
    assert not (tmp_path / "out" / "v" / "rejects.ndjson").exists()


def test_a_sum_that_does_not_fit_is_counted(tmp_path: Path) -> None:
    data = [{**row, "k": "a", "n": 2**62} for row in rows(3)]
    write(tmp_path / "history" / "a.parquet", data)
    report = run(tmp_path)
    assert report.sum_overflow > 0
    assert "do not fit int64" in report.summary()
    assert change_points(tmp_path) == expected(data)


def test_no_history_and_no_events_are_not_the_same(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no history files"):
        run(tmp_path)
    write(tmp_path / "history" / "a.parquet", [])
    assert run(tmp_path).rows == 0
    assert change_points(tmp_path) == []


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "history" / "a.parquet"
    path.parent.mkdir()
    pq.write_table(
        pa.table({"eid": ["a"], "k": ["a"], "x": ["1.5"], "n": [1], "ts": pa.array([0], pa.timestamp("us"))}), path
    )
    with pytest.raises(UsageError, match="'x' is VARCHAR, not float64"):
        run(tmp_path)
    pq.write_table(pa.table({"eid": ["a"], "k": ["a"], "n": [1], "ts": pa.array([0], pa.timestamp("us"))}), path)
    with pytest.raises(UsageError, match="no column 'x'"):
        run(tmp_path)
    path.write_bytes(b"PAR1 it is not")
    with pytest.raises(PenstockError, match="cannot be computed"):
        run(tmp_path)


def test_a_wrong_memory_setting_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "history" / "a.parquet", rows(1))
    with pytest.raises(UsageError, match="memory 'lots'"):
        backfill(PLAN, str(tmp_path / "history" / "*"), 0, HOUR, tmp_path / "out", memory="lots")


def test_nothing_but_parts_is_left_behind(tmp_path: Path) -> None:
    write(tmp_path / "history" / "a.parquet", rows(30))
    run(tmp_path)
    assert [path.name for path in (tmp_path / "out" / "v").iterdir()] == [f"part-0-{2 * HOUR}.parquet"]


def test_a_history_larger_than_its_memory(tmp_path: Path) -> None:
    n = 200_000
    table = pa.table(
        {
            "eid": [f"event-{i:040}" for i in range(n)],
            "k": ["ab"[i % 2] for i in range(n)],
            "x": pa.array([float(i % 97) for i in range(n)]),
            "n": pa.array(range(n), pa.int64()),
            "ts": pa.array([i * 100 for i in range(n)], pa.timestamp("ms")),
        }
    )
    (tmp_path / "history").mkdir()
    pq.write_table(table, tmp_path / "history" / "a.parquet")
    report = backfill(PLAN, str(tmp_path / "history" / "*"), 0, n * 100, tmp_path / "out", memory="50MB")
    assert report.slices > 3
    assert report.counts["applied"] == n
    newest = builtins.max(ViewParts(tmp_path / "out" / "v", PLAN).all(), key=lambda part: part.to_ms)
    last = pq.read_table(newest.path, filters=[("t", "=", (n - 1) * 100)])
    # ten events a second, every other one of this key, for a minute and for a life
    assert last["c_1m"].to_pylist() == [300]
    assert last["s_lifetime"].to_pylist() == [builtins.sum(range(1, n, 2))]
