"""``penstock parity``: files of one's own, the project's history, and the smallest input that differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from penstock.jobs.cli import penstock
from penstock.jobs.parity.engines import Engine
from tests.jobs.parity.shop import BROKEN

DEFINITIONS = """from penstock import *

orders = Stream("orders", topic="orders", history="orders.parquet", time="ts", id="order", disorder="5s",
                columns=dict(order="string", customer="string", amount="float64"))
live = Stream("live", topic="live", time="ts", columns=dict(customer="string"))
customer = View("customer", orders, key="customer", features=dict(
    n=count().over("10s"), spent=mean(orders.amount, where=orders.amount > 0).over("1m", lifetime())))
"""
UNION = """either = union(orders, live)
seen = View("seen", either, key="customer", features=dict(n=count(either.ts).over("5s", session("2s"))))
"""
OTHER = 'seen = View("seen", live, key="customer", features=dict(n=count().over("1m")))\n'


def parity(*arguments: object) -> Result:
    return CliRunner().invoke(penstock, ["parity", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "definitions.py").write_text(DEFINITIONS)
    (tmp_path / "penstock.toml").write_text('project = "shop"\n')
    events = [_event(i, 700 * i) for i in range(40)] + ["{", json.dumps({"customer": "c1"})]
    (tmp_path / "events.jsonl").write_text("\n".join(events))
    return tmp_path


def _event(i: int, ts: int, source: str = "orders") -> str:
    row = {"_source": source, "ts": ts, "order": str(i), "customer": f"c{i % 3}", "amount": 0.1 * i}
    return json.dumps(row)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB is wrong where two events tie."""

    @contextmanager
    def running(names: Sequence[str]) -> Iterator[dict[str, Engine]]:
        yield {name: BROKEN[name] for name in names}

    monkeypatch.setattr("penstock.jobs.commands.parity.running", running)


def test_all_engines_agree_on_a_file(folder: Path) -> None:
    done = parity(folder / "definitions.py", "--events", folder / "events.jsonl", "--json", "--out", folder / "out")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert (answer["different"], answer["smallest"]) == (0, None)
    assert answer["values"] > 0
    assert {one["order"] for one in answer["comparisons"]} == {"as they came", "shuffle 1"}
    assert {one["events"] for one in answer["comparisons"]} == {42}
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["duckdb", "flink", "oracle"]


def test_a_union_is_compared_on_the_events_of_its_streams(folder: Path) -> None:
    (folder / "definitions.py").write_text(DEFINITIONS + UNION)
    events = [_event(i, 700 * i, "live" if i % 3 else "orders") for i in range(40)]
    (folder / "events.jsonl").write_text("\n".join(events))
    done = parity("--project", folder, "--events", folder / "events.jsonl", "--json", "--out", folder / "out")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["different"] == 0
    assert {(one["view"], one["events"]) for one in answer["comparisons"]} == {("customer", 14), ("seen", 40)}
    assert pq.read_table(folder / "out" / "flink" / "seen.parquet").num_rows > 40


def test_a_union_is_compared_on_history_where_all_its_streams_have_one(folder: Path) -> None:
    (folder / "definitions.py").write_text(
        DEFINITIONS.replace('topic="live",', 'topic="live", history="live.parquet",') + UNION
    )
    (folder / "data").mkdir()
    for name in ("orders", "live"):
        rows = [{k: v for k, v in json.loads(_event(i, 700 * i)).items() if k != "_source"} for i in range(30)]
        pq.write_table(pa.Table.from_pylist(rows), folder / "data" / f"{name}.parquet")
    done = parity("--project", folder, "--history", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["different"] == 0
    assert {(one["view"], one["of"]) for one in answer["comparisons"]} == {("customer", 30), ("seen", 60)}


def test_the_table_has_a_row_for_each_view_and_order(folder: Path) -> None:
    done = parity(
        "--project", folder, "--events", folder / "events.jsonl", "--engines", "oracle,duckdb", "--shuffles", 2
    )
    assert done.exit_code == 0, done.output
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    assert [row[:4] for row in rows] == [
        ["customer", "as they came", "42", "42"],
        ["customer", "shuffle 1", "42", "42"],
        ["customer", "shuffle 2", "42", "42"],
    ]
    assert done.stdout.splitlines()[-1].endswith("values compared, 0 different")


def test_a_difference_is_shown_on_the_fewest_events(folder: Path, broken: None) -> None:
    events = [_event(i, 700 * (i if i != 20 else 17)) for i in range(40)]
    (folder / "events.jsonl").write_text("\n".join(events))
    options = ("--events", folder / "events.jsonl", "--engines", "oracle,duckdb", "--shuffles", 0)
    done = parity(folder / "definitions.py", *options)
    assert done.exit_code == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith("different, as they came: customer.spent_1m at customer='c2', t=11900: oracle ")
    start = lines.index("the smallest input found, 2 of 40 events, in this order:")
    assert [json.loads(line)["order"] for line in lines[start + 1 : start + 3]] == ["17", "20"]
    assert lines[start + 3] == "view customer, feature spent_1m, at customer='c2', t=11900"
    assert lines[start + 4] == "  oracle: 1.85 = 0x1.d99999999999ap+0"
    assert lines[start + 5] == "  duckdb: 1.8500000000000003 = 0x1.d99999999999bp+0"
    made = json.loads(lines[start + 6].removeprefix("plan: "))
    assert made["feature"]["name"] == "spent_1m"
    assert made["argument"] == {"name": "amount", "op": "column", "type": "float64"}


def test_a_difference_is_told_to_machines(folder: Path, broken: None) -> None:
    (folder / "events.jsonl").write_text("\n".join(_event(i, 700) for i in (3, 6)))
    done = parity("--project", folder, "--events", folder / "events.jsonl", "--engines", "oracle,duckdb", "--json")
    assert done.exit_code == 1
    least: dict[str, Any] = json.loads(done.stdout)["smallest"]
    assert (least["view"], least["feature"], least["place"]) == ("customer", "spent_1m", {"customer": "c0", "t": 700})
    assert set(least["values"]) == {"oracle", "duckdb"}
    assert len(least["events"]) == 2
    assert least["plan"]["window"]["size_ms"] == 60_000


def test_history_is_sampled(folder: Path) -> None:
    with (folder / "definitions.py").open("a") as file:
        file.write(OTHER)
    (folder / "data").mkdir()
    rows = [json.loads(_event(i, 700 * i)) for i in range(300)]
    columns = {name: [row[name] for row in rows] for name in ("ts", "order", "customer", "amount")}
    columns["ts"] = pa.array(columns["ts"], pa.timestamp("ms"))
    pq.write_table(pa.table(columns), folder / "data" / "orders.parquet")
    options = ("--history", "--sample", 120, "--engines", "oracle,duckdb")
    done = parity("--project", folder, *options)
    assert done.exit_code == 0, done.output
    assert "live has no history: its views are left out" in done.stdout
    assert "│ customer │ as they came │ 120" in done.stdout
    elsewhere = folder / "other.py"
    elsewhere.write_text(DEFINITIONS.replace('"customer", orders', '"shopper", orders'))
    done = parity(elsewhere, "--project", folder, *options)
    assert "│ shopper │ as they came │ 120" in done.stdout


@pytest.mark.parametrize("options", [(), ("--history", "--events", "events.jsonl")])
def test_events_come_from_one_place(folder: Path, options: tuple[str, ...]) -> None:
    done = parity(folder / "definitions.py", *options)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[:2] == ["error: which events?", "  where: --events, --history"]


def test_an_engine_that_is_none_is_refused(folder: Path) -> None:
    done = parity(folder / "definitions.py", "--events", folder / "events.jsonl", "--engines", "oracel")
    assert done.exit_code == 2
    assert "did you mean 'oracle'?" in done.stderr


def test_mistakes_of_the_definitions_are_all_told(folder: Path) -> None:
    (folder / "definitions.py").write_text(DEFINITIONS + "orders.x\norders.y\n")
    done = parity(folder / "definitions.py", "--events", folder / "events.jsonl")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == "2 mistakes in the definitions"
