"""The kernel for this processor: compiled once in a process, in a fraction of a second, for all models."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import llvmlite.binding as llvm

from penstock.jobs.models.kernel.code import module_of
from penstock.jobs.models.kernel.objective import C_FUNCTIONS, add_last_steps

_POINTER, _NUMBER = ctypes.c_void_p, ctypes.c_int64
#: Head, inputs, rows, outputs, memory: see ``code``.
_SUMS = ctypes.CFUNCTYPE(None, _POINTER, _POINTER, _NUMBER, _POINTER, _POINTER)
#: Sums, rows, sums of a row, parameter: see ``objective``.
_LAST = ctypes.CFUNCTYPE(None, _POINTER, _NUMBER, _NUMBER, ctypes.c_double)


@dataclass(frozen=True)
class Level:
    """A kind of processor: LLVM's name of it, what such a one must have, and the bytes of its vectors."""

    name: str
    processor: str
    needs: tuple[str, ...]
    width: int


#: The fastest first.
LEVELS = (
    Level("AVX-512", "x86-64-v4", ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"), 64),
    Level("AVX2", "x86-64-v3", ("avx2", "bmi", "bmi2", "fma", "f16c", "lzcnt", "movbe"), 32),
    Level("plain", "", (), 16),
)


class Native:
    """The kernel's functions, for one level, and for leaves whose places take ``size`` bytes. ``walk`` and ``blocks``
    fill in sums; ``last`` makes them answers.
    """

    def __init__(self, level: Level, size: int) -> None:
        self.level = level
        module = module_of(level.width, size)
        last = add_last_steps(module)
        self._engine = _compiled(str(module), level)
        self.walk, self.blocks = (_SUMS(self._engine.get_function_address(name)) for name in ("walk", "blocks"))
        self.last = {name: _LAST(self._engine.get_function_address(name)) for name in last}


def levels() -> list[Level]:
    """Those that this processor has, the fastest first."""
    has: Mapping[str, bool] = llvm.get_host_cpu_features()
    return [level for level in LEVELS if all(has.get(name, False) for name in level.needs)]


def native(level: Level, size: int) -> Native:
    """Compiled when it is first asked for."""
    with _LOCK:
        if (level, size) not in _NATIVE:
            _NATIVE[level, size] = Native(level, size)
        return _NATIVE[level, size]


_LOCK = threading.Lock()
_NATIVE: dict[tuple[Level, int], Native] = {}


def _compiled(code: str, level: Level) -> llvm.ExecutionEngine:
    llvm.initialize()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(cpu=level.processor, opt=3, jit=True)
    library = ctypes.CDLL(None)
    for name in C_FUNCTIONS:
        # looked up here: LLVM ends the process for a function that is nowhere
        llvm.add_symbol(name, ctypes.cast(library[name], _POINTER).value)
    module = llvm.parse_assembly(code)
    module.triple, module.data_layout = target.triple, str(machine.target_data)
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    # its loops are vectors already
    options.loop_vectorization = options.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine
