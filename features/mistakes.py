"""Runs a definitions file to its end, past whatever fails, so that all its mistakes are reported at once.

Each expression of the file is evaluated once. A statement that fails leaves its names without a meaning, and what uses
such a name is no new mistake.
"""

from __future__ import annotations
import __future__

import ast
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock.features.errors import DefinitionError, PenstockError, did_you_mean
from penstock.features.piecewise import Piecewise

#: The name of the module that a definitions file is.
MODULE = "definitions"

#: What a statement's value is called while it is assigned: no name that a user's file can hold.
_VALUE = "<value>"


def read_to_the_end(path: Path) -> tuple[dict[str, Any], list[PenstockError]]:
    """The names that a definitions file gives a meaning to, and all its mistakes in order."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        return {}, [_as_mistake(error, path)]
    reader = _Reader(path)
    reader.module.__doc__ = ast.get_docstring(tree, clean=False)
    before = sys.modules.get(MODULE)
    # what looks for the module of a class, such as dataclasses, finds it there
    sys.modules[MODULE] = reader.module
    try:
        for statement in tree.body:
            for single in _single_imports(statement):
                reader.read(single)
    finally:
        del sys.modules[MODULE]
        if before is not None:
            sys.modules[MODULE] = before
    return reader.names, reader.mistakes


def _as_mistake(error: Exception, path: Path) -> PenstockError:
    """An error of any kind as a mistake in the file, with its line."""
    if isinstance(error, DefinitionError):
        return error
    mistake = DefinitionError(f"{type(error).__name__}: {error}", where=_place(error, path))
    mistake.__cause__ = error
    return mistake


def _place(error: Exception, path: Path) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path}:{error.lineno}"
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f"{path}:{lines[-1]}" if lines else str(path)


def _single_imports(statement: ast.stmt) -> Iterator[ast.stmt]:
    """One statement for each name: a wrong one does not take the others with it."""
    if not isinstance(statement, ast.ImportFrom):
        yield statement
        return
    for alias in statement.names:
        yield ast.copy_location(ast.ImportFrom(statement.module, [alias], statement.level), statement)


class _Reader:
    """``names``: those of the file so far. ``mistakes``: its mistakes so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.module = types.ModuleType(MODULE)
        self.module.__file__ = str(path)
        self.names: dict[str, Any] = self.module.__dict__
        self.mistakes: list[PenstockError] = []
        self._lost: set[str] = set()
        self._flags = 0
        self._pieces = Piecewise(self._evaluate, self.names, self._lost, self._record)

    def read(self, statement: ast.stmt) -> None:
        """Runs a statement; records what is wrong with it."""
        bound = _bound(statement)
        if self._runs(statement):
            self._lost -= bound
        else:
            self._lost |= bound

    def _runs(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            self._flags |= getattr(getattr(__future__, statement.names[0].name, None), "compiler_flag", 0)
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr)) and statement.value is not None:
            return self._assigns(statement, statement.value)
        return not self._pieces.uses_lost(statement) and self._executes(statement)

    def _assigns(self, statement: ast.Assign | ast.AnnAssign | ast.Expr, expression: ast.expr) -> bool:
        value = self._pieces.value(expression)
        if value is None or not value.whole:
            return False
        statement.value = ast.copy_location(ast.Name(_VALUE, ast.Load()), expression)
        if self._pieces.uses_lost(statement):
            return False
        self.names[_VALUE] = value.value
        try:
            return self._executes(statement)
        finally:
            del self.names[_VALUE]

    def _executes(self, statement: ast.stmt) -> bool:
        try:
            exec(self._compiled(ast.Module([statement], []), "exec"), self.names)
        except Exception as error:
            self._record(error, statement)
            return False
        return True

    def _evaluate(self, node: ast.expr) -> Any:
        return eval(self._compiled(ast.Expression(node), "eval"), self.names)

    def _compiled(self, tree: ast.Module | ast.Expression, mode: str) -> types.CodeType:
        code: types.CodeType = compile(tree, str(self.path), mode, flags=self._flags, dont_inherit=True)
        return code

    def _record(self, error: Exception, node: ast.AST) -> None:
        # a function may use a name that was lost after it was made
        if isinstance(error, NameError) and error.name in self._lost:
            return
        mistake = _as_mistake(error, self.path)
        if isinstance(error, ImportError) and isinstance(node, ast.ImportFrom):
            mistake.hint = did_you_mean(node.names[0].name, _offered(node))
        # what calls it anew, or what a name that stands twice is read from, is the same mistake
        for each in mistake.each:
            if each.render() not in {known.render() for known in self.mistakes}:
                self.mistakes.append(each)


def _offered(node: ast.ImportFrom) -> list[str]:
    try:
        module = __import__(node.module or "", fromlist=[""], level=node.level)
    except ImportError:
        return []
    return [name for name in dir(module) if not name.startswith("_")]


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement gives a meaning to."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.split(".")[0] for alias in statement.names}
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
