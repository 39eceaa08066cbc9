"""Opening the online store that a Feast repository names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from yaml import YAMLError

from penstock.features.errors import UsageError
from penstock.jobs.store.bulk import BulkStore

if TYPE_CHECKING:
    from feast.repo_config import RepoConfig


def repository(folder: Path) -> RepoConfig:
    """What ``feature_store.yaml`` in ``folder`` says. Raises UsageError when it is missing or wrong."""
    # Feast takes seconds to import: only who opens a store pays for it
    from feast.errors import FeastError
    from feast.infra.online_stores.helpers import get_online_store_from_config
    from feast.repo_config import FeastConfigError, load_repo_config

    file = folder / "feature_store.yaml"
    if not file.is_file():
        raise UsageError("there is no feature_store.yaml", where=str(folder), hint="run 'penstock init' first")
    try:
        config = load_repo_config(folder, file)
        get_online_store_from_config(config.online_store)
    except (FeastConfigError, FeastError, YAMLError, UnicodeDecodeError, TypeError) as error:
        # a validation error shows the values that it refuses, and one of them may be a secret
        said = re.sub(r" \[type=.*", "", str(error))
        raise UsageError(f"the Feast configuration is wrong: {said}", where=str(file)) from None
    return config


def open_store(folder: Path, told: Callable[[str], None] = lambda line: None) -> BulkStore:
    """The store of the repository in ``folder`` (the one with ``feature_store.yaml``), opened on its project.

    ``told`` gets a line where it promises less than compare-and-set. Raises UsageError when the configuration is
    missing or wrong.
    """
    from feast.infra.online_stores.helpers import get_online_store_from_config

    from penstock.jobs.store.feast_store import FeastStore

    config = repository(folder)
    kind: type = type(get_online_store_from_config(config.online_store))
    store = (kind if issubclass(kind, BulkStore) else FeastStore).opened(config)
    if store.promise is not None:
        told(f"warning: {store.promise}")
    return store
