"""``penstock init --from-files`` and ``--from-topic``: a first definition from real records, which holds for them."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from penstock.jobs.cli import penstock
from penstock.jobs.kafka.clients import ensure_topics, producer
from penstock.jobs.project.project import load_project
from tests.kafka_broker import Kafka
from tests.projects import config, unique

START_S = 1_767_225_600


def run(*arguments: object) -> Result:
    return CliRunner().invoke(penstock, [str(each) for each in arguments])


def document(n: int) -> dict[str, Any]:
    """Names, nesting, times and numbers as companies have them."""
    return {
        "order": {"id": f"o-{n}", "total": {"amount": f"{n % 97}.50", "currency": "EUR" if n % 3 else "USD"}},
        "customer-no": n % 20,
        "createdAt": datetime.fromtimestamp(START_S + 97 * n, UTC).isoformat().replace("+00:00", "Z"),
        "shipped_at": (START_S + 97 * n + 60) * 1_000 if n % 3 else None,
        "items": [{"sku": "a"}],
        "class": ("a", "b", None)[n % 3],
        "key": (1.0, None)[n % 2],
        "values": {"weird name": n / 7},
    }


def write_lines(folder: Path) -> Path:
    file = folder / "data" / "orders.jsonl"
    file.parent.mkdir()
    file.write_text("".join(json.dumps(document(n)) + "\n" for n in range(60)))
    return file


def test_json_lines_give_a_definition_that_all_engines_agree_on(tmp_path: Path) -> None:
    file = write_lines(tmp_path)
    made = run("init", tmp_path / "shop", "--from-files", file)
    assert made.exit_code == 0, made.output
    (orders,) = load_project(tmp_path / "shop").streams.values()
    plan = orders.source_plan
    assert (plan.time, plan.id) == ("createdAt", "id")
    assert {column.name: column.type for column in plan.columns} == {
        "id": "string",
        "amount": "float64",
        "currency": "string",
        "customer_no": "int64",
        "createdAt": "timestamp",
        "shipped_at": "timestamp",
        "class_value": "string",
        "key_value": "int64",
        "weird_name": "float64",
    }
    text = (tmp_path / "shop" / "definitions.py").read_text()
    assert "items is an array" in text and "20 null" in text
    done = run("parity", "--history", "--project", tmp_path / "shop", "--json")
    assert done.exit_code == 0, done.output
    checked = run("check", "--events", file, "--project", tmp_path / "shop", "--json")
    assert checked.exit_code == 0 and json.loads(checked.stdout)["good"] == 60, checked.output


def test_parquet_gives_structs_decimals_and_names_with_blanks(tmp_path: Path) -> None:
    folder = tmp_path / "exports" / "orders"
    folder.mkdir(parents=True)
    rows = [
        {
            "order": {"id": f"o-{n}", "amount": Decimal(n) / 100},
            "Customer No": n % 5,
            "ts": datetime.fromtimestamp(START_S + n, UTC),
            "pieces": 2.0 if n % 2 else None,
        }
        for n in range(40)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    made = run("init", tmp_path / "shop", "--from-files", folder / "*.parquet")
    assert made.exit_code == 0, made.output
    project = load_project(tmp_path / "shop")
    columns = {column.name: column for column in project.streams["orders"].source_plan.columns}
    assert columns["pieces"].cast.fraction and columns["amount"].cast.decimal == 2
    assert project.streams["orders"].columns["Customer_No"].history_path == ("Customer No",)
    done = run("backfill", "--from", "2026-01-01", "--to", "2026-02-01", "--project", tmp_path / "shop", "--json")
    assert done.exit_code == 0, done.output
    assert '"applied": 40' in done.stdout


def test_csv_gives_numbers_times_and_truths(tmp_path: Path) -> None:
    file = tmp_path / "visits.csv"
    with file.open("w") as output:
        writer = csv.writer(output)
        writer.writerow(["visit id", "shop", "event_time", "minutes", "vip"])
        for n in range(30):
            writer.writerow([n, "ab"[n % 2], document(n)["createdAt"], f"{n}.5", n % 2 == 0])
    made = run("init", tmp_path / "shop", "--from-files", file)
    assert made.exit_code == 0, made.output
    plan = load_project(tmp_path / "shop").streams["visits"].source_plan
    types = {column.name: column.type for column in plan.columns}
    assert types == {
        "visit_id": "int64",
        "shop": "string",
        "event_time": "timestamp",
        "minutes": "float64",
        "vip": "bool",
    }


def test_a_topic_gives_a_definition_without_a_dead_letter(tmp_path: Path, kafka: Kafka) -> None:
    topic = unique("shop.orders")
    settings = config(tmp_path, kafka.servers)
    ensure_topics(settings, [topic])
    with producer(settings) as sender:
        for n in range(50):
            without = {name: value for name, value in document(n).items() if name != "createdAt"}
            sender.send(topic, json.dumps(without).encode())
    made = run("init", tmp_path / "shop", "--from-topic", topic, "--bootstrap-servers", kafka.servers)
    assert made.exit_code == 0, made.output
    (orders,) = load_project(tmp_path / "shop").streams.values()
    assert orders.topic == topic and orders.source_plan.time == "record_time"
    checked = run("check", "--topic", topic, "--project", tmp_path / "shop", "--json")
    assert checked.exit_code == 0 and json.loads(checked.stdout)["good"] == 50, checked.output


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--from-files", "none/*.parquet"), "there are no such files"),
        (("--from-topic", "orders"), "where is orders?"),
        (("--from-topic", "a", "--from-files", "b"), "two kinds of records"),
    ],
)
def test_records_that_are_not_there(tmp_path: Path, arguments: tuple[str, ...], what: str) -> None:
    made = run("init", tmp_path / "shop", *arguments)
    assert made.exit_code == 2 and what in made.stderr
    assert not (tmp_path / "shop").exists()


def test_files_without_a_time_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n')
    made = run("init", tmp_path / "shop", "--from-files", tmp_path / "a.jsonl")
    assert made.exit_code == 2 and "can be the time of an event" in made.stderr
    (tmp_path / "a.jsonl").write_text("no json\n")
    made = run("init", tmp_path / "shop", "--from-files", tmp_path / "a.jsonl")
    assert made.exit_code == 2 and "line 1 is no JSON object" in made.stderr
