"""Commands, names and files that nobody foresaw: each ends with one clear error, and none with a traceback.

No broker runs here: a command that needs one ends when it looks for it.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from penstock.features.errors import PenstockError
from penstock.jobs.cli import penstock
from tests.chaos.disk import can_mount, full, small_disk
from tests.jobs.shop import write_history
from tests.projects import make_project

DEFINITIONS = """
from penstock import Model, Stream, View, count, sum
orders = Stream("orders", topic="orders", history="orders/*.parquet", time="ts", id="id",
                columns=dict(id="string", customer="string", amount="float64"))
customer = View("customer", orders, key="customer", features=dict(
    n=count().over("1h"), amount=sum(orders.amount).over("1h")))
cost = Model("cost", on=orders, output="predictions.cost", label=orders.amount, inputs=[orders.amount, customer])
"""
FROM, MIDDLE, TO = "2025-01-01", "2025-01-01T06:00", "2025-01-01T10:00"
START = 1_735_689_600_000

MATERIALIZE = ["materialize", "--at", MIDDLE]
TRAINING = ["training-set", "cost", "--from", FROM, "--to", TO]
TRAIN = ["train", "cost", "--from", FROM, "--to", MIDDLE, "--until", TO, "--param", "min_data_in_leaf=18"]
BACKFILL = ["backfill", "--from", FROM, "--to", TO]
AUDIT = ["audit", "cost", "--from", FROM, "--to", TO]
EXPLAIN = ["explain", "orders-0-1"]
INFER = ["infer", "cost"]
STATUS = ["status", "--once"]
CHECK = ["check"]
PARITY = ["parity", "--history", "--engines", "oracle,duckdb"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(penstock, arguments)


def clear(folder: Path, *arguments: str) -> str:
    """What a command says, which must be clear, whatever it is."""
    result = run(*arguments, "--project", str(folder))
    if isinstance(result.exception, PenstockError):  # of an option's value: the program's own end says it
        return f"error: {result.exception.render()}"
    said = result.stdout + result.stderr
    assert isinstance(result.exception, SystemExit | type(None)), (arguments, result.exception)
    assert result.exit_code in (0, 1, 2), arguments
    assert "Traceback" not in said and "not foreseen" not in said, (arguments, said)
    assert not {*said} & {*"\x1b\x07\x9b\u202e"}, arguments
    return said


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with all that its commands make."""
    project = make_project(tmp_path_factory.mktemp("hostile") / "shop", DEFINITIONS)
    rows = [
        {"id": f"o{i}", "customer": f"c{i % 5}", "amount": i % 7 + 0.5, "ts": START + i * 60_000} for i in range(600)
    ]
    write_history(project, "orders", rows)
    for arguments in (BACKFILL, MATERIALIZE, TRAINING, TRAIN):
        result = run(*arguments, "--project", str(project.folder))
        assert result.exit_code == 0, result.output
    return project.folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it to be damaged."""
    shutil.copytree(whole, tmp_path / "shop")
    yield tmp_path / "shop"


# --- files -----------------------------------------------------------------------------------------------------------

#: What lies in a project, and the commands that read it.
FILES: dict[str, list[list[str]]] = {
    "penstock.toml": [CHECK, STATUS],
    "definitions.py": [CHECK],
    "feature_store.yaml": [MATERIALIZE],
    "registry.db": [MATERIALIZE],
    "online.db": [MATERIALIZE],
    "data/orders/*.parquet": [BACKFILL, PARITY],
    "state/backfill/customer/part-*.parquet": [MATERIALIZE, TRAINING, BACKFILL],
    "state/training/cost.parquet": [TRAIN],
    "state/models/cost/current": [INFER, STATUS],
    "state/models/cost/*Z-*/model.txt": [INFER],
    "state/models/cost/*Z-*/metadata.json": [INFER],
}


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _own_link(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


def _bytes(make: Callable[[bytes, random.Random], bytes]) -> Callable[[Path], None]:
    return lambda file: _ignore(file.write_bytes(make(file.read_bytes(), random.Random(7))))


def _ignore(_: object) -> None:
    return None


DAMAGES: dict[str, Callable[[Path], None]] = {
    "gone": Path.unlink,
    "empty": _bytes(lambda data, rand: b""),
    "cut": _bytes(lambda data, rand: data[: len(data) // 2]),
    "random bytes": _bytes(lambda data, rand: rand.randbytes(300)),
    "markup and escapes": _bytes(lambda data, rand: b"[/] \x1b[31m \xe2\x80\xae"),
    "bits flipped": _bytes(lambda data, rand: bytes(b ^ (rand.random() < 0.05) for b in data)),
    "a folder": _folder,
    "a pipe": _pipe,
    "a link to itself": _own_link,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_told(folder: Path, name: str, damage: str) -> None:
    (file,) = folder.glob(name)
    DAMAGES[damage](file)
    for arguments in FILES[name]:
        clear(folder, *arguments)


# --- names -----------------------------------------------------------------------------------------------------------

NAMES = ["[/]", "\x1b[31m", "../x", "", " ", "a" * 5_000, "é\u202e", "-", "a\nerror: fake", "\x07", "a/b", "%s", "{}"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_nothing_is_told(whole: Path, name: str) -> None:
    for arguments in (
        ["backfill", "--from", FROM, "--to", TO, "--", name],
        ["materialize", "--at", FROM, "--", name],
        ["training-set", "--from", FROM, "--to", TO, "--", name],
        ["train", "--from", FROM, "--to", MIDDLE, "--until", TO, "--", name],
        ["explain", "--", name],
        ["infer", "--", name],
        ["audit", "--from", FROM, "--to", TO, "--", name],
    ):
        result = run(arguments[0], "--project", str(whole), *arguments[1:])
        assert isinstance(result.exception, SystemExit), (arguments, result.exception)
        assert result.exit_code == 2, (arguments, result.output)
        assert "not foreseen" not in result.output and "\x1b" not in result.output


@pytest.mark.parametrize("name", NAMES)
def test_a_version_of_no_name_is_told(whole: Path, name: str) -> None:
    for command, *arguments in (["show", "cost", name], ["promote", "cost", name], ["diff", "cost", name, name]):
        result = run("model", command, "--project", str(whole), "--", *arguments)
        assert result.exit_code == 2, (command, result.output)
        assert "not foreseen" not in result.output and "\x1b" not in result.output


@pytest.mark.parametrize("name", [*NAMES, "_x"])
def test_a_project_must_have_a_name_that_feast_and_kafka_take(folder: Path, name: str) -> None:
    toml = folder / "penstock.toml"
    written = "".join(f"\\u{ord(char):04x}" for char in name)
    toml.write_text(toml.read_text().replace('project = "tested"', f'project = "{written}"'))
    said = clear(folder, "check")
    assert said.startswith("error: project: "), said


# --- times and places ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", ["0001-01-01", "9999-12-31", "0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"])
def test_the_ends_of_the_calendar(whole: Path, time: str) -> None:
    clear(whole, "training-set", "cost", "--before", "--from", time, "--to", TO)
    clear(whole, "training-set", "cost", "--before", "--from", FROM, "--to", time)
    clear(whole, "materialize", "--at", time)
    clear(whole, "audit", "cost", "--from", time, "--to", time)


@pytest.mark.parametrize("place", ["penstock.toml/below", ".", "a pipe"])
def test_a_place_that_cannot_be_written_is_told(folder: Path, place: str) -> None:
    """What is no file is not replaced by one."""
    os.mkfifo(folder / "a pipe")
    out = str(folder / place)
    assert clear(folder, *TRAINING, "--out", out).startswith("error: ")
    for arguments in (BACKFILL, PARITY):
        clear(folder, *arguments, "--out", out)
    assert (folder / "a pipe").is_fifo()


def test_a_state_folder_that_is_a_file_is_told(folder: Path) -> None:
    shutil.rmtree(folder / "state")
    (folder / "state").write_text("a file")
    for arguments in (BACKFILL, MATERIALIZE, TRAINING, TRAIN, INFER, STATUS, ["stream"], ["up"], ["down"], EXPLAIN):
        clear(folder, *arguments)


def test_a_separator_of_lines_in_a_rejected_text_is_text(folder: Path) -> None:
    """JSON takes U+2028, U+0085 and others within a text; they end no record."""
    events = folder / "events.jsonl"
    bad = [f'{{"ts":1,"id":"a","customer":null,"amount":"{char}"}}' for char in "\u2028\u2029\x85\x0c\x1c"]
    good = '{"ts":2,"id":"b","customer":"x\u2028y","amount":1.5}'
    events.write_text("\n".join([*bad, good, '{"ts":3,\r"id":"c"}', ""]))
    said = clear(folder, "parity", "--events", str(events), "--engines", "oracle,duckdb")
    assert ", 0 different" in said


# --- disks -----------------------------------------------------------------------------------------------------------

WRITING = [BACKFILL, MATERIALIZE, TRAINING, TRAIN]
FULL = ("No space left", "disk is full", "disk I/O error")
READ_ONLY = ("Read-only file system", "readonly database", "read-only", "read only", "unable to open database")


@pytest.fixture
def on_disk(whole: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the project on a disk of its own."""
    if not can_mount():
        pytest.skip("only root may mount a disk")
    with small_disk(tmp_path / "disk"):
        shutil.copytree(whole, tmp_path / "disk" / "shop")
        yield tmp_path / "disk" / "shop"


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


def test_a_full_disk_is_told_and_no_harm_is_done(on_disk: Path) -> None:
    shutil.rmtree(on_disk / "state" / "training")
    (on_disk / "online.db").unlink()
    for arguments in WRITING[1:3]:
        with full(on_disk.parent):
            said = clear(on_disk, *arguments)
        assert "error: " in said and any(words in said for words in FULL), said
    for arguments in WRITING:
        result = run(*arguments, "--project", str(on_disk))
        assert result.exit_code == 0, result.output


def test_a_disk_that_is_read_only_is_told_and_what_only_reads_goes_on(on_disk: Path) -> None:
    with read_only(on_disk.parent):
        for arguments in WRITING:
            said = clear(on_disk, *arguments)
            assert "error: " in said and any(words in said for words in READ_ONLY), said
        for arguments in (CHECK, STATUS, PARITY):
            said = clear(on_disk, *arguments)
            assert "error: " not in said, said
    for arguments in WRITING:
        assert run(*arguments, "--project", str(on_disk)).exit_code == 0
