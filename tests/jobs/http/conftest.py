"""A shop that several tests may ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.jobs.project.project import Project
from tests.jobs.http.serving import Server, make_shop, serving


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The shop; its store and versions stay as they are."""
    return make_shop(tmp_path_factory.mktemp("serve") / "shop")


@pytest.fixture(scope="package")
def server(shop: Project) -> Iterator[Server]:
    """A server of the shop."""
    with serving(shop) as running:
        yield running
