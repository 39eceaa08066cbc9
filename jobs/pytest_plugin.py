"""For unit tests of definitions: the fixture ``penstock`` is the project, evaluated in this process.

    def test_a_late_flight_counts(penstock):
        (row,) = penstock.view("origin_traffic").preview([{"origin": "JFK", "ts": 0, "dep_delay": 20.0}], at=0)
        assert row["late_3h"] == 1

The project lies in the folder that pytest's setting ``penstock_project`` names, else in pytest's root folder, or in
``feature_repo`` below it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from penstock.jobs.project.project import Project


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the setting."""
    parser.addini("penstock_project", "Folder with penstock.toml, relative to pytest's root folder.", default="")


@pytest.fixture(scope="session")
def penstock(request: pytest.FixtureRequest) -> Project:
    """The project. Raises UsageError where there is none, DefinitionError for what is wrong with it."""
    # not above: every run of pytest loads this module, whether it has a project or not
    from penstock.jobs.project.project import find_project, load_project

    folder = request.config.getini("penstock_project")
    return load_project(request.config.rootpath / folder if folder else find_project(request.config.rootpath))
