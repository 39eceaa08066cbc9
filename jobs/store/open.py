"""Opening the online store that a Feast repository names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from yaml import YAMLError

from penstock.features.errors import UsageError
from penstock.jobs.store.bulk import BulkStore

if TYPE_CHECKING:
    from feast.repo_config import RepoConfig

_TYPES = ("penstock.jobs.store.sqlite.PenstockSqliteOnlineStore", "penstock.jobs.store.redis.PenstockRedisOnlineStore")


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


def open_store(folder: Path) -> BulkStore:
    """The store of the repository in ``folder`` (the one with ``feature_store.yaml``), opened on its project.

    Raises UsageError when the configuration is missing or wrong, or names a store without compare-and-set.
    """
    from feast.infra.online_stores.helpers import get_online_store_from_config

    config = repository(folder)
    store: type = type(get_online_store_from_config(config.online_store))
    if not issubclass(store, BulkStore):
        where = str(folder / "feature_store.yaml")
        raise UsageError(f"{store.__name__} has no compare-and-set", where=where, allowed=" or ".join(_TYPES))
    return store.opened(config)
