"""What models are kept in, and how it is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from penstock.features.errors import UsageError

#: A folder, or a URL such as ``s3://bucket/models``.
Models = Path | str


class Storage(Protocol):
    """Files by the names of the folders they are in, and their own name last. All methods raise OSError."""

    #: Seconds between two looks of a job that follows an alias.
    look_s: float

    def where(self, *names: str) -> str:
        """Where a file or a folder is, for people."""

    def read(self, *names: str) -> bytes:
        """A file's bytes. Raises FileNotFoundError."""

    def read_those_there(self, files: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], bytes]:
        """The bytes of those of these files that exist."""

    def names(self, *names: str) -> list[str]:
        """What is in a folder; nothing where it does not exist."""

    def replace(self, data: bytes, *names: str) -> None:
        """Writes a file, at one moment for all who read it. Its folder is made."""

    def add(self, files: Mapping[str, bytes], *names: str) -> None:
        """Writes a folder with these files; the last one is there when all of them are."""

    def remove(self, *names: str) -> None:
        """Deletes a file or a folder, if it is there."""


@lru_cache(maxsize=64)
def storage_of(models: Models) -> Storage:
    """The storage of a folder or a URL. Raises UsageError for a URL that nothing installed can open."""
    from penstock.jobs.models.storage.folder import Folder

    if isinstance(models, Path):
        return Folder(models)
    import fsspec  # most projects keep their models in a folder
    from fsspec.implementations.local import LocalFileSystem

    from penstock.jobs.models.storage.remote import Remote

    try:
        files, path = fsspec.core.url_to_fs(models, skip_instance_cache=True, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise UsageError(
            f"the models cannot be opened: {error}",
            where="[models] url in penstock.toml",
            allowed="a URL that fsspec knows, with the package that it asks for installed",
            hint="s3:// needs 's3fs', gs:// 'gcsfs', abfs:// 'adlfs'",
        ) from None
    return Folder(Path(path)) if isinstance(files, LocalFileSystem) else Remote(files, path, models)
