"""Models in a folder of this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from penstock.jobs.models.storage.durable import keep_names, read, write
from penstock.jobs.process.whole_file import whole_file


class Folder:
    """A ``Storage`` in ``folder``. What it has written is on the disk when a call returns."""

    look_s = 0.2

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def where(self, *names: str) -> str:
        """The path."""
        return str(self._folder.joinpath(*names))

    def read(self, *names: str) -> bytes:
        """A file's bytes. Raises FileNotFoundError."""
        return read(self._folder.joinpath(*names))

    def read_those_there(self, files: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], bytes]:
        """The bytes of those of these files that exist."""
        contents = {}
        for names in files:
            with suppress(FileNotFoundError):
                contents[names] = self.read(*names)
        return contents

    def names(self, *names: str) -> list[str]:
        """What is in a folder; nothing where it does not exist."""
        folder = self._folder.joinpath(*names)
        return os.listdir(folder) if folder.is_dir() else []

    def replace(self, data: bytes, *names: str) -> None:
        """Writes a file, at one moment for all who read it."""
        file = self._folder.joinpath(*names)
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as unfinished:
            write(unfinished, data)
        keep_names(file.parent)

    def add(self, files: Mapping[str, bytes], *names: str) -> None:
        """Writes a folder with these files; they appear together when all of them are on the disk."""
        folder = self._folder.joinpath(*names)
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
        try:
            for name, data in files.items():
                write(unfinished / name, data)
            os.chmod(unfinished, 0o755)
            os.rename(unfinished, folder)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        keep_names(folder.parent)

    def remove(self, *names: str) -> None:
        """Deletes a file or a folder, if it is there."""
        path = self._folder.joinpath(*names)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
