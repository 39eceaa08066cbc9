"""``penstock check``: the plan in one table per view, in SQL and as JSON; all mistakes at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from penstock.features.compilers.duckdb.types import MACROS
from penstock.jobs.cli import penstock
from penstock.jobs.project.config import FILE
from tests.features.written import HEAD

VIEW = """late = View("late", orders, key=["customer", "shop"], filter=~orders.amount.is_null(), features=dict(
    n=count(where=orders.amount > 15).over("1h"), most=max(orders.amount - 1).over("30d")))
model = Model("m", on=orders, output="answers", inputs=[orders.amount, late], derived=dict(x=late.n_1h / 2))
"""


def check(folder: Path, text: str, *options: str) -> Result:
    (folder / FILE).write_text('project = "shop"\n')
    (folder / "definitions.py").write_text(HEAD + text)
    return CliRunner().invoke(penstock, ["check", "--project", str(folder), *options])


def shown(folder: Path, text: str, *options: str) -> Any:
    done = check(folder, text, "--json", *options)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_view_is_a_table(tmp_path: Path) -> None:
    done = check(tmp_path, VIEW)
    assert done.exit_code == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    assert ["n_1h", "int64", "count", "", "amount > 15.0", "1h"] in rows
    assert ["most_30d", "float64", "max", "amount - 1.0", "", "30d"] in rows
    assert ["x", "float64", "float(late.n_1h) / 2.0"] in rows
    assert "view late by customer, shop" in done.stdout
    assert "only ~is_null(amount)" in done.stdout
    # 64 + two heads + a count; time, nulls, conditions, argument and id; a candidate of the greatest
    assert "state: 112 bytes per key + 92 to 108 per event of the last 30d" in done.stdout


def test_for_machines_it_is_an_object(tmp_path: Path) -> None:
    answer = shown(tmp_path, VIEW)
    late = answer["views"]["late"]
    assert (late["kind"], late["source"], late["key"]) == ("view", "orders", ["customer", "shop"])
    assert late["features"][0] == {
        "name": "n_1h", "type": "int64", "aggregate": "count", "argument": "", "where": "amount > 15.0", "window": "1h",
    }  # fmt: skip
    assert late["state"] == {
        "fixed": 112, "per_event": 92, "most_per_event": 108, "alive_ms": 30 * 86_400_000,
        "steps": None,
    }  # fmt: skip
    assert "sql" not in late
    assert answer["views"]["shops"]["state"] is None
    assert answer["models"]["m"]["vector"][-1] == {"name": "x", "type": "float64", "from": "float(late.n_1h) / 2.0"}


def test_a_view_that_keeps_steps_says_so(tmp_path: Path) -> None:
    text = """visits = Stream("visits", topic="visits", time="ts", columns=dict(shop="string", spent="float64"))
v = View("v", visits, key="shop", features=dict(m=mean(visits.spent).over(sliding("30d", step="1h"))))
"""
    # 64 + a head + count and sum; time, two more words of an entry, count and sum
    assert "state: 108 bytes per key + 48 per 1h with events of the last 30d 1h" in check(tmp_path, text).stdout
    # another log, a head, and count and sum again
    both = "state: 168 bytes per key + 32 per event of the last 1h + 48 per 1h with events of the last 30d 1h"
    assert both in check(tmp_path, text.replace(".over(", '.over("1h", ')).stdout


def test_the_sql_runs_as_it_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "orders"
    folder.mkdir(parents=True)
    columns = (
        "'a' AS order_id, 'x' AS customer, 1 AS shop, 20.0 AS amount, TRUE AS paid, 2 AS pieces, 0 AS due, 1.5 AS cents"
    )
    late = shown(tmp_path, VIEW, "--sql")["views"]["late"]["sql"]
    with duckdb.connect() as db:
        for macro in MACROS:
            db.execute(macro)
        db.execute(f"COPY (SELECT {columns}, 5::BIGINT AS ts) TO '{folder / 'one.parquet'}' (FORMAT parquet)")
        assert db.execute(late).fetchall() == [("x", 1, 5, True, 19.0)]


def test_the_sql_of_changing_events_and_sessions_runs_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "carts"
    folder.mkdir(parents=True)
    text = """carts = Stream("carts", history="carts/*.parquet", time="ts", id="item", op="op", columns=dict(
    item="string", op="string", cart="string", n="int64"))
open_ = View("open", carts, key="cart", features=dict(n=max(carts.n).over(session("1h"))))
"""
    shown_sql = shown(tmp_path, text, "--sql")["views"]["open"]["sql"]
    rows = """VALUES ('a', 'insert', 'c', 1, 5), ('a', 'update', 'c', 7, 5),
        ('b', 'insert', 'c', 2, 6), ('b', 'delete', 'c', 3, 6)"""
    with duckdb.connect() as db:
        for macro in MACROS:
            db.execute(macro)
        read = f"SELECT * FROM ({rows}) AS v(item, op, cart, n, ts)"
        db.execute(f"COPY ({read}) TO '{folder / 'one.parquet'}' (FORMAT parquet)")
        found = db.execute(shown_sql).fetchall()
    assert [row[:2] for row in found] == [("c", 5)] and found[0][-1] == 7


@pytest.mark.parametrize("options", [(), ("--sql",)])
def test_every_mistake_is_told_and_counted(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = check(tmp_path, VIEW + "a = orders.amuont\nb = sliding('1w')\nc = count().over('1h', a)\n", *options)
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == [
        "error: orders has no 'amuont'",
        "error: '1w' is not a duration",
    ]
    assert "  hint: did you mean 'amount'?" in lines
    assert lines[-1] == "2 mistakes in the definitions"


def test_every_mistake_is_told_to_machines(tmp_path: Path) -> None:
    done = check(tmp_path, "a = orders.amuont\nb = sliding('1w')\n", "--json")
    mistakes = json.loads(done.stdout)["error"]["mistakes"]
    assert [mistake["what"] for mistake in mistakes] == ["orders has no 'amuont'", "'1w' is not a duration"]
    assert mistakes[0]["where"].endswith(f"definitions.py:{HEAD.count(chr(10)) + 1}")


def test_names_that_stand_twice_are_told_beside_other_mistakes(tmp_path: Path) -> None:
    again = 'again = View("By_Customer", orders, key="customer", features=dict(n=count().over("1h")))\norders.no\n'
    done = check(tmp_path, again)
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == [
        "error: orders has no 'no'",
        "error: two definitions are named 'By_Customer'",
    ]


def test_what_an_aggregate_is_given_is_shown(tmp_path: Path) -> None:
    text = """View("v", orders, key="shop", features=dict(
        p=percentile(orders.amount, 99.9).over("1h"), k=last_k(orders.pieces, 3).over("1h"),
        h=histogram(orders.pieces, [0, 10, 20]).over("1h"), a=argmax(orders.customer, by=orders.amount).over("1h"),
        d=decayed_sum(orders.amount, "1d").over("7d")))
"""
    features = shown(tmp_path, "v = " + text)["views"]["v"]["features"]
    assert [(one["aggregate"], one["argument"]) for one in features] == [
        ("percentile(99.9)", "amount"),
        ("last_k(k=3)", "pieces"),
        ("histogram(0, 10, 20)", "pieces"),
        ("argmax", "customer by amount"),
        ("decayed_sum(half-life 1d)", "amount"),
    ]


def test_a_union_is_named_by_its_streams_and_its_sql_runs(tmp_path: Path) -> None:
    text = """both = View("both", union(returns, orders), key="customer", features=dict(n=count().over("1h")))
"""
    text = text.replace("returns,", "older,").replace(
        "both =",
        "older = Stream('older', topic='o', history='o.parquet', "
        "time='at', id='number', columns=dict(number='int64', customer='string'))\nboth =",
    )
    assert "from union(older, orders)" in check(tmp_path, text).stdout
    both = shown(tmp_path, text, "--sql")["views"]["both"]
    assert both["source"] == "union(older, orders)"
    (tmp_path / "data" / "orders").mkdir(parents=True)
    columns = (
        "'b' AS order_id, 'x' AS customer, 1 AS shop, 2.0 AS amount, TRUE AS paid, 2 AS pieces, 0 AS due, 1.5 AS cents"
    )
    with duckdb.connect() as db:
        for macro in MACROS:
            db.execute(macro)
        db.execute(f"COPY (SELECT {columns}, 5 AS ts) TO '{tmp_path}/data/orders/a.parquet'")
        db.execute(f"COPY (SELECT 7 AS number, 'x' AS customer, 9 AS at) TO '{tmp_path}/data/o.parquet'")
        rows = db.execute(both["sql"]).fetchall()
        ids = db.execute("SELECT _id, _source FROM events ORDER BY _id").fetchall()
    assert rows == [("x", 5), ("x", 9)]
    assert ids == [("0:7", "older"), ("1:b", "orders")]


RECORDS = """from penstock import Stream, column
shipped = Stream("shipped", topic="shipped", time="at", columns=dict(
    at=column("timestamp", path="meta.at", unit="s"), k="string",
    amount=column("float64", path="order.total", cast="text")))
"""


def test_real_records_show_what_they_become(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('project = "shop"\n')
    (tmp_path / "definitions.py").write_text(RECORDS)
    file = tmp_path / "records.jsonl"
    good = [{"meta": {"at": i}, "order": {"total": f"{i}.50"}, "k": None} for i in range(5)]
    bad = [{"meta": {"at": 1}, "order": {"total": "1,50"}}, {"meta": {"at": 1}, "order": {"total": "x"}}, {"order": {}}]
    file.write_text("".join(json.dumps(record) + "\n\n" for record in [*good, *bad]) + "no record\n")
    options = ["check", "--project", str(tmp_path), "--events", str(file)]
    shown = json.loads(CliRunner().invoke(penstock, [*options, "--json"]).stdout)
    assert (shown["good"], {code: each["records"] for code, each in shown["dead"].items()}) == (
        5, {"wrong type": 2, "missing time": 1, "not json": 1},
    )  # fmt: skip
    assert shown["columns"]["amount"] == {
        "type": "float64", "at": "amount (order.total)", "values": 5, "nulls": 0, "examples": [0.5, 1.5, 2.5],
    }  # fmt: skip
    assert shown["columns"]["at"]["examples"] == [0, 1000, 2000] and shown["columns"]["k"]["nulls"] == 5
    words = CliRunner().invoke(penstock, options).stdout
    first = f'{file}:11: amount (order.total) is "1,50", not float64; the record has meta.at, order.total'
    assert "5 good records, 4 would be dead letters" in words and first in " ".join(words.split())
    for more, what in [(["--topic", "shipped"], "two kinds"), (["--source", "ships"], "there is no source 'ships'")]:
        refused = CliRunner().invoke(penstock, [*options, *more])
        assert refused.exit_code == 2 and what in refused.stderr


def test_the_sql_of_columns_with_casts_is_that_of_their_types(tmp_path: Path) -> None:
    view = 'v = View("v", shipped, key="k", features=dict(n=count().over("1h")))\n'
    (tmp_path / FILE).write_text('project = "shop"\n')
    text = RECORDS.replace("column\n", "View, column, count\n").replace('unit="s"', 'unit="iso8601"')
    (tmp_path / "definitions.py").write_text(text + view)
    done = CliRunner().invoke(penstock, ["check", "--project", str(tmp_path), "--sql"])
    assert done.exit_code == 0 and "CREATE TABLE events" in done.stdout, done.output
