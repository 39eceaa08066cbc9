"""A model's trees as native code (lleaves, LLVM), kept for this machine, and equal to LightGBM to the bit.

LightGBM adds up the trees in their order. lleaves adds up blocks of trees first, and then the blocks: with blocks of
one tree that is the same sum, and without inlining it is compiled in seconds. LightGBM takes values next to zero for
zero, so they are made zero here too.

Native code is never taken from a model's folder, which may come from anywhere, but from one that only this user can
write, under a name that holds what it was compiled from and its own hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from importlib.metadata import version
from pathlib import Path

import lleaves
import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt

from penstock.features.errors import PenstockError
from penstock.jobs.models.arrays import Matrix

#: LightGBM's kZeroThreshold, a float: what is no farther from zero is zero.
ZERO = float(np.float32(1e-35))
#: What lleaves is told; it is part of a file's name.
OPTIONS = {"fblocksize": 1, "finline": False}
#: Digits of the hashes in a file's name.
_DIGITS = 32


class CompiledTrees:
    """Compiled trees, loaded. Raises PenstockError for a file that LLVM does not load."""

    def __init__(self, model: Path, code: Path) -> None:
        self._model = lleaves.Model(str(model))
        self._model.compile(cache=str(code), **OPTIONS)

    def predict(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """One number for each row. Shape (rows,)."""
        rows = np.where(np.abs(matrix) <= ZERO, 0.0, matrix)
        return np.asarray(self._model.predict(rows, n_jobs=1))


def private_folder(folder: Path) -> Path:
    """The folder, made if need be. Raises PenstockError for one that others could write to."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PenstockError(
            "native code is only loaded from a folder that belongs to this user and that nobody else can use",
            where=str(folder),
            allowed="mode 0700",
            hint="delete it: it is made anew",
        )
    return folder


def code_key(model_sha256: str) -> str:
    """What code depends on, as a hash: the model's bytes, who compiles, how, and for which processor."""
    llvm.initialize()
    features = llvm.get_host_cpu_features().flatten()
    parts = [model_sha256, version("lleaves"), version("llvmlite"), OPTIONS]
    parts += [llvm.get_process_triple(), llvm.get_host_cpu_name(), features]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_DIGITS]


def find_code(folder: Path, key: str) -> Path | None:
    """The code that was kept for the key, whole and as it was written; None without any."""
    for file in sorted(folder.glob(f"{key}-*.o")):
        if file.name == _name(key, file.read_bytes()):
            return file
    return None


def compile_code(model: Path, folder: Path, key: str) -> Path:
    """Compiles a model file, in seconds, and keeps the code. Raises what lleaves does for trees unknown to it."""
    made = folder / f".{key}.{os.getpid()}"
    try:
        lleaves.Model(str(model)).compile(cache=str(made), **OPTIONS)
        file = folder / _name(key, made.read_bytes())
        os.replace(made, file)
    finally:
        made.unlink(missing_ok=True)
    return file


def _name(key: str, code: bytes) -> str:
    return f"{key}-{hashlib.sha256(code).hexdigest()[:_DIGITS]}.o"
