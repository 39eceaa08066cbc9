"""Compiled trees in the background: the Booster predicts meanwhile, and goes on if they differ from it in one bit.

Run as a program, ``python -m penstock.jobs.models.compiling MODEL FOLDER KEY``, it compiles, behind everything else
that the machine has to do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from penstock.features.errors import PenstockError
from penstock.jobs.models.check_rows import check_rows
from penstock.jobs.models.compiled import CompiledTrees, code_key, compile_code, find_code, private_folder
from penstock.jobs.models.folder import LoadedModel
from penstock.jobs.process.exclusive import exclusive

FOLDER = "compiled"
_LEAST_PRIORITY = 19


@contextmanager
def compiling(model: LoadedModel, state: Path, told: Callable[[str], None]) -> Iterator[None]:
    """Within the block compiled trees take over, as soon as there are some and they are equal to the Booster.

    ``told`` gets one line, on another thread: which of the two predicts, and the greatest difference between them.
    """
    work = _Work(model, state / FOLDER, told)
    work.start()
    try:
        yield
    finally:
        work.stop()


class _Work(threading.Thread):
    def __init__(self, model: LoadedModel, folder: Path, told: Callable[[str], None]) -> None:
        super().__init__(name="compiling", daemon=True)
        self._model, self._folder, self._told = model, folder, told
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def run(self) -> None:
        try:
            said = self._take_over()
        except Exception as error:  # whatever it is, the Booster predicts as well
            said = f"LightGBM predicts: no compiled trees: {error}"
        if not self._stopped:
            self._told(f"{self._model.name} {self._model.version}: {said}")

    def stop(self) -> None:
        """Ends the compiler, too."""
        with self._lock:
            self._stopped = True
            if self._child is not None:
                self._child.terminate()
        self.join()

    def _take_over(self) -> str:
        folder, key = private_folder(self._folder), code_key(self._model.metadata.model_sha256)
        code = find_code(folder, key)
        if code is None:
            self._compile(folder, key)
            code = find_code(folder, key)
        if code is None:
            raise PenstockError("the compiler left nothing", where=str(folder))
        compiled = CompiledTrees(self._model.file, code)
        rows = check_rows(self._model.file.read_text(), self._model.metadata.features, self._model.metadata.categories)
        ours, theirs = compiled.predict(rows), self._model.trees.by_booster(rows)
        different = int((ours.view(np.int64) != theirs.view(np.int64)).sum())
        greatest = float(np.abs(ours - theirs).max())
        words = f"on {len(rows):,} rows about its own thresholds (greatest difference {greatest:g})"
        if different:
            return f"LightGBM predicts: compiled trees differ from it on {different:,} of {words[3:]}"
        self._model.trees.take_over(compiled)
        return f"compiled trees predict, equal to LightGBM to the bit {words}"

    def _compile(self, folder: Path, key: str) -> None:
        command = [sys.executable, "-W", "ignore", "-m", __name__, str(self._model.file), str(folder), key]
        with self._lock:
            if self._stopped:
                return
            # a session of its own: what interrupts this process in a terminal is not for the compiler
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        _, errors = self._child.communicate()
        if self._child.returncode:
            last = errors.decode(errors="replace").strip().splitlines()[-1:]
            raise PenstockError(*last or [f"the compiler ended with {self._child.returncode}"])


def main(model: Path, folder: Path, key: str) -> None:
    """Compiles unless another process does, or has done, the same."""
    os.nice(_LEAST_PRIORITY)
    with exclusive(folder / f"{key}.lock", wait=True):
        if find_code(folder, key) is None:
            compile_code(model, folder, key)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
