"""The documents: examples run, links lead somewhere."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))


def test_the_examples_of_the_semantics_give_what_they_show() -> None:
    found = doctest.testfile(str(ROOT / "docs" / "semantics.md"), module_relative=False)
    assert found.attempted > 10
    assert found.failed == 0


@pytest.mark.parametrize("file", DOCS, ids=lambda file: file.name)
def test_links_between_documents_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read_text()):
        assert (file.parent / target).exists(), target


@pytest.mark.parametrize("file", DOCS, ids=lambda file: file.name)
def test_files_that_documents_name_are_there(file: Path) -> None:
    for name in re.findall(r"`((?:features|jobs|tests|infra|feature_repo)/[\w/.-]+\.\w+)`", file.read_text()):
        assert (ROOT / name).exists(), name
