"""Feast's own ways into a store: which definition the rows of a view come from, checked before they are written."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from feast import FeatureView

from penstock.features.compilers.feast.view import FINGERPRINT_TAG, change_points_folder
from penstock.features.errors import RefusedError
from penstock.jobs.batch.parts import part_files, read_part
from penstock.jobs.store.bulk import other_definition


def check_definition(view: FeatureView, claim: Callable[[str], str | None], where: str) -> None:
    """Refuses rows of a view that Penstock generated when its change points, or the stored rows, are of another one.

    ``claim``: gives the fingerprint of the stored rows, which becomes the given one where there is none yet. A feature
    view that was written by hand has no fingerprint and is not checked.
    """
    fingerprint = view.tags.get(FINGERPRINT_TAG)
    if fingerprint is None:
        return
    folder = change_points_folder(view)
    if folder is not None and folder.is_dir():
        _check_parts(view.name, folder, fingerprint, folder.stat().st_mtime_ns)
    stored = claim(fingerprint)
    if stored != fingerprint:
        raise other_definition(view.name, str(stored), fingerprint, where)


@lru_cache(maxsize=1024)
def _check_parts(view: str, folder: Path, fingerprint: str, changed_ns: int) -> None:
    """Looks at the parts once, until a file appears in the folder or goes."""
    for path in part_files(folder):
        part = read_part(path)
        if part.fingerprint != fingerprint:
            raise RefusedError(
                f"the change points of {view} were made by another definition: {part.fingerprint or 'no fingerprint'}",
                where=str(path),
                allowed=fingerprint,
                hint=f"run 'penstock backfill {view}' again",
            )
