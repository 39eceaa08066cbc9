"""What a user gets wrong, and what the world does: one clear message, an exit code, no traceback, nothing lost."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from penstock.jobs.kafka.broker import Broker
from penstock.jobs.process.ports import HOST, free_port

DEFINITIONS = """
from penstock import Model, Stream, View, count

orders = Stream("orders", topic="orders", history="orders.parquet", time="ts", id="id",
                columns=dict(id="string", customer="string", cost="float64"))
customer = View("customer", orders, key="customer", features=dict(orders=count().over("1h")))
cost = Model("cost", on=orders, inputs=[customer], label=orders.cost, output="predictions.cost")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with three orders, one of them bad."""
    folder = tmp_path / "shop"
    assert run("init", str(folder)).returncode == 0
    (folder / "definitions.py").write_text(DEFINITIONS)
    rows = {"id": ["a", "b", "c"], "customer": ["x", None, "y"], "cost": [1.0, 2.0, float("nan")], "ts": [0, 1, 2]}
    pq.write_table(
        pa.table({**rows, "ts": pa.array(rows["ts"], pa.timestamp("ms"))}), folder / "data" / "orders.parquet"
    )
    return folder


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running.bootstrap_servers


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "penstock.jobs.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def refused(code: int, *arguments: str, folder: Path) -> str:
    """The message of a command that must fail so."""
    done = run(*arguments, "--project", str(folder))
    assert done.returncode == code, done.stderr
    assert "error: " in [line[:7] for line in done.stderr.splitlines()] and "Traceback" not in done.stderr
    return done.stderr


def use_kafka(folder: Path, servers: str) -> None:
    toml = (folder / "penstock.toml").read_text()
    (folder / "penstock.toml").write_text(
        toml.replace('bootstrap_servers = "local"', f'bootstrap_servers = "{servers}"')
    )


@pytest.mark.parametrize("time", ["yesterday", "2013-13-01", "2013-01-01T25:00"])
def test_a_wrong_time_says_how_times_are_written(folder: Path, time: str) -> None:
    said = refused(2, "backfill", "customer", "--from", time, "--to", "2014-01-01", folder=folder)
    assert repr(time) in said and "--from" in said and "allowed: 2013-10-31" in said


def test_a_range_that_ends_before_it_begins(folder: Path) -> None:
    said = refused(2, "backfill", "--from", "2014-01-01", "--to", "2013-01-01", folder=folder)
    assert "is not before --to" in said


def test_an_unknown_view_or_model_names_the_nearest(folder: Path) -> None:
    span = ("--from", "1970-01-01", "--to", "1971-01-01")
    assert "did you mean 'customer'?" in refused(2, "backfill", "custome", *span, folder=folder)
    assert "did you mean 'cost'?" in refused(2, "training-set", "costs", *span, folder=folder)


def test_a_wrong_definition_fails_with_its_line(folder: Path) -> None:
    (folder / "definitions.py").write_text(DEFINITIONS.replace('key="customer"', 'key="custmer"'))
    said = refused(2, "check", folder=folder)
    assert f"definitions.py:{6}" in said and "did you mean 'customer'?" in said


def test_a_wrong_setting_is_named(folder: Path) -> None:
    with (folder / "penstock.toml").open("a") as toml:
        toml.write("\n[batch]\nmemroy = '1GB'\n")
    assert "batch.memroy" in refused(2, "check", folder=folder)


def test_no_project_here(tmp_path: Path) -> None:
    assert "there is no penstock.toml here" in refused(2, "check", folder=tmp_path)


def test_a_broker_that_is_not_up(folder: Path) -> None:
    said = refused(1, "replay", "--from", "1970-01-01", "--to", "1971-01-01", folder=folder)
    assert "the local broker is not running" in said and "penstock up" in said


@pytest.mark.parametrize("command", [("replay", "--from", "1970-01-01", "--to", "1971-01-01"), ("stream",)])
def test_a_broker_that_does_not_answer(folder: Path, command: tuple[str, ...]) -> None:
    servers = f"{HOST}:{free_port()}"
    use_kafka(folder, servers)
    assert servers in refused(1, *command, folder=folder)


def test_a_topic_that_does_not_exist_on_a_cluster_of_ones_own(folder: Path, broker: str) -> None:
    use_kafka(folder, broker)
    said = refused(1, "stream", folder=folder)
    assert "the topic 'orders' does not exist" in said


def test_a_taken_port(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, free_port()))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(1, "up", "--port", str(port), folder=folder)
    assert f"cannot listen on port {port}" in said and "hint:" in said


def test_a_store_that_is_down(folder: Path) -> None:
    yaml = (folder / "feature_store.yaml").read_text()
    yaml = yaml.replace(
        "penstock.jobs.store.sqlite.PenstockSqliteOnlineStore", "penstock.jobs.store.redis.PenstockRedisOnlineStore"
    )
    server = f"{HOST}:{free_port()}"
    (folder / "feature_store.yaml").write_text(
        yaml.replace("path: .penstock/online.db", f"connection_string: {server}")
    )
    assert run("backfill", "--from", "1970-01-01", "--to", "1971-01-01", "--project", str(folder)).returncode == 0
    said = refused(1, "materialize", "--at", "1970-01-02", folder=folder)
    assert "Redis store does not answer" in said and server in said


def test_a_step_that_was_left_out(folder: Path) -> None:
    assert "run 'penstock backfill customer' first" in refused(2, "materialize", "--at", "1970-01-02", folder=folder)


def test_bad_history_rows_are_counted_and_kept(folder: Path) -> None:
    done = run("backfill", "--from", "1970-01-01", "--to", "1971-01-01", "--json", "--project", str(folder))
    assert done.returncode == 0
    report = json.loads(done.stdout)["customer"]
    assert report["counts"] == {"applied": 2, "too_late": 0, "duplicate": 0, "dead": 1}
    reject = json.loads(Path(report["rejects"]).read_text())
    assert (reject["row"], reject["error"], reject["values"]["id"]) == (1, "missing key", "b")


def test_an_error_for_machines(folder: Path) -> None:
    done = run("backfill", "nope", "--from", "1970-01-01", "--to", "1971-01-01", "--json", "--project", str(folder))
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["what"] == "there is no view 'nope'"
