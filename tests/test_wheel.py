"""The wheel in an environment of its own: one importable name, no clone, no Java, beside packages of the same names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
#: Packages of a user's own that are called like the folders of the repository.
OWN = ("features", "jobs", "tests", "feature_repo", "infra")
#: A test of a user's own: it takes its own packages, and the fixture of ours.
TEST = """import features, jobs
from penstock import Stream

def test_a_large_order_counts(penstock):
    assert (features.mine, jobs.mine) == (True, True)
    (row,) = penstock.view("queue").preview([dict(shop="a", items=2.0, order_id="1", ts=0)], at=0)
    assert row["orders_1h"] == 1
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run([BIN / "uv", "build", "--quiet", "--wheel", "--out-dir", folder, ROOT])
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the environment's programs."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    run([BIN / "uv", "venv", "--quiet", "--python", sys.executable, folder])
    constraints = ["--constraints", ROOT / "constraints.txt"]
    install = [BIN / "uv", "pip", "install", "--quiet", "--python", folder / "bin" / "python", *constraints]
    run([*install, f"{wheel}[demo]", "pytest"])
    return folder / "bin"


@pytest.fixture(scope="module")
def shop(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project beside packages of the user's own."""
    folder = tmp_path_factory.mktemp("company") / "shop"
    penstock(installed, folder.parent, "init", folder)
    for name in OWN:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("mine = True\n")
    (folder / "tests" / "test_mine.py").write_text(TEST)
    events: list[dict[str, object]] = [
        {"_source": "orders", "order_id": str(i), "shop": f"s{i % 2}", "items": i / 8, "ts": 1000 * i}
        for i in range(20)
    ]
    events.append({"_source": "deliveries", "order_id": "0", "shop": "s0", "minutes": 0.5, "ts": 30_000})
    (folder / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
    return folder


def run(command: list[object], cwd: Path = ROOT, timeout: float = 500) -> str:
    # no program of the system can be found by its name: no Java, no Maven
    bare = {name: value for name, value in os.environ.items() if name not in ("JAVA_HOME", "PYTHONPATH")}
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env={**bare, "PATH": str(BIN)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        # it stops what it has started
        process.terminate()
        output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def penstock(installed: Path, cwd: Path, *arguments: object) -> str:
    return run([installed / "penstock", *arguments], cwd)


def test_one_name_can_be_imported(wheel: Path) -> None:
    roots = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"penstock"}


def test_definitions_are_read_beside_packages_of_the_same_names(installed: Path, shop: Path) -> None:
    assert "queue" in penstock(installed, shop, "check")
    run([installed / "python", "definitions.py"], shop)
    assert "1 passed" in run([installed / "python", "-m", "pytest", "-q"], shop)


def test_the_engines_agree_from_an_installed_wheel(installed: Path, shop: Path) -> None:
    given = ["parity", "definitions.py", "--events", "events.jsonl", "--engines", "oracle,duckdb,flink"]
    penstock(installed, shop, *given, "--out", "compared")
    assert sorted(path.name for path in (shop / "compared").iterdir()) >= ["duckdb", "flink", "oracle"]


def test_the_broker_starts_and_stops(installed: Path, shop: Path) -> None:
    penstock(installed, shop, "up")
    penstock(installed, shop, "down")


@pytest.mark.timeout(600)
def test_the_demo_runs_from_nothing_to_predictions_in_a_folder_of_any_name(installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "it's [1] 100% ü"
    folder.mkdir()
    assert "all proofs hold; everything is stopped" in penstock(installed, folder, "demo", "--quick")
