"""Models behind a URL, through fsspec."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from fsspec import AbstractFileSystem


class Remote:
    """A ``Storage`` at ``path`` of a file system of fsspec. ``url``: as the user wrote it.

    A file is written in a transaction of fsspec: object stores replace it at one moment, and so do others that put a
    temporary file in its place.
    """

    #: Each look asks a server.
    look_s = 0.5

    def __init__(self, files: AbstractFileSystem, path: str, url: str) -> None:
        self._files, self._path, self._url = files, path.rstrip("/"), url.rstrip("/")
        # a file system has one transaction at a time
        self._writing = threading.Lock()

    def where(self, *names: str) -> str:
        """The URL."""
        return "/".join([self._url, *names])

    def read(self, *names: str) -> bytes:
        """A file's bytes. Raises FileNotFoundError."""
        with _as_os_errors(self.where(*names)):
            return bytes(self._files.cat_file(self._at(*names)))

    def read_those_there(self, files: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], bytes]:
        """The bytes of those of these files that exist; all are asked for at once."""
        paths = {self._at(*names): names for names in files}
        with _as_os_errors(self._url):
            answers = self._files.cat(list(paths), on_error="return") if paths else {}
            contents = {}
            for path, names in paths.items():
                answer = answers.get(path, FileNotFoundError())
                if isinstance(answer, FileNotFoundError):
                    continue
                if isinstance(answer, BaseException):
                    raise answer
                contents[names] = bytes(answer)
            return contents

    def names(self, *names: str) -> list[str]:
        """What is in a folder; nothing where it does not exist."""
        with _as_os_errors(self.where(*names)):
            self._files.invalidate_cache()
            try:
                paths = self._files.ls(self._at(*names), detail=False)
            except FileNotFoundError:
                return []
            return [str(path).rstrip("/").rsplit("/", 1)[-1] for path in paths]

    def replace(self, data: bytes, *names: str) -> None:
        """Writes a file, at one moment for all who read it."""
        with self._writing, _as_os_errors(self.where(*names)):
            self._files.makedirs(self._at(*names[:-1]), exist_ok=True)
            with self._files.transaction, self._files.open(self._at(*names), "wb") as output:
                output.write(data)

    def add(self, files: Mapping[str, bytes], *names: str) -> None:
        """Writes a folder with these files, in their order."""
        for name, data in files.items():
            self.replace(data, *names, name)

    def remove(self, *names: str) -> None:
        """Deletes a file or a folder, if it is there."""
        with _as_os_errors(self.where(*names)):
            self._files.invalidate_cache()
            if self._files.exists(self._at(*names)):
                self._files.rm(self._at(*names), recursive=True)

    def _at(self, *names: str) -> str:
        return "/".join([self._path, *names])


@contextmanager
def _as_os_errors(where: str) -> Iterator[None]:
    """Each file system has errors of its own."""
    try:
        yield
    except OSError as error:
        if error.strerror or isinstance(error, FileNotFoundError):
            raise
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}", where) from None
    except Exception as error:
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}", where) from None
