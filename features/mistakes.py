"""All mistakes of a definitions file at once: read to its end, past whatever fails.

A statement that fails leaves its names without a meaning, and what uses such a name is no new mistake. Inside a
statement the smallest expressions that fail by themselves are the mistakes: ``dict(a=wrong, b=wrong)`` has two. What is
around them is tried once more without them, for what else is wrong there.
"""

from __future__ import annotations

import ast
import copy
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from features.errors import DefinitionError, PenstockError, did_you_mean

#: Expressions whose parts mean the same when they are evaluated alone.
_PARTED = (
    ast.Call, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Attribute, ast.Subscript,
)  # fmt: skip

#: Arguments of views, models and aggregates that can be left out without a new mistake.
_OPTIONAL = ("filter", "where", "label", "derived")


def read_to_the_end(path: Path) -> tuple[dict[str, Any], list[PenstockError]]:
    """The names that a definitions file gives a meaning to, and all its mistakes in order."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        return {}, [as_mistake(error, path)]
    reader = _Reader(path)
    for statement in tree.body:
        for single in _single_imports(statement):
            reader.read(single)
    return reader.names, reader.mistakes


def as_mistake(error: Exception, path: Path) -> PenstockError:
    """An error of any kind as a mistake in the file, with its line."""
    if isinstance(error, DefinitionError):
        return error
    return DefinitionError(f"{type(error).__name__}: {error}", where=_place(error, path))


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
    """``names``: what the file has made so far. ``lost``: names whose statement failed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        module = types.ModuleType("definitions")
        module.__file__ = str(path)
        self.names: dict[str, Any] = module.__dict__
        self.lost: set[str] = set()
        self.mistakes: list[PenstockError] = []

    def read(self, statement: ast.stmt) -> None:
        """Runs a statement, or finds out what is wrong with it."""
        bound = _bound(statement)
        if not self._uses_lost(statement):
            try:
                self._run(ast.Module([statement], []), "exec")
            except Exception as error:
                self._search(statement, error)
            else:
                self.lost -= bound
                return
        else:
            self._search(statement, None)
        self.lost |= bound

    def _search(self, statement: ast.stmt, error: Exception | None) -> None:
        """Finds the mistakes in a statement that fails with an error, or that uses what is lost (None)."""
        before = len(self.mistakes)
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr)) and statement.value is not None:
            self._without_mistakes(statement.value)
        if error is not None and len(self.mistakes) == before:
            self._record(error, statement)

    def _without_mistakes(self, node: ast.expr) -> ast.expr | None:
        """The expression less the elements that fail, or None when nothing of it is left. Keeps their mistakes."""
        failed: Exception | None = None
        if not self._uses_lost(node):
            try:
                self._run(ast.Expression(node), "eval")
                return node
            except Exception as error:
                failed = error
        parts = _parts(node)
        kept = {id(part): self._without_mistakes(part) for part in parts}
        if all(kept[id(part)] is part for part in parts):
            if failed is not None:
                self._record(failed, node)
            return None
        return self._rest(node, kept)

    def _rest(self, node: ast.expr, kept: dict[int, ast.expr | None]) -> ast.expr | None:
        if _is_display(node):
            return _less(node, kept)
        if isinstance(node, ast.Call):
            call = _replaced(node, kept)
            assert isinstance(call, ast.Call)
            call.keywords = [word for word in call.keywords if word.arg not in _OPTIONAL or _is_left(word.value)]
            if all(map(_is_left, [call.func, *call.args, *(word.value for word in call.keywords)])):
                self._call(call, node)
        return None

    def _call(self, call: ast.expr, node: ast.expr) -> None:
        try:
            self._run(ast.Expression(call), "eval")
        except Exception as error:
            self._record(error, node)

    def _uses_lost(self, node: ast.AST) -> bool:
        names = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
        return any(name.id in self.lost for name in names)

    def _record(self, error: Exception, node: ast.AST) -> None:
        # a function may use a name that was lost after it was made
        if isinstance(error, NameError) and error.name in self.lost:
            return
        mistake = as_mistake(error, self.path)
        if isinstance(error, ImportError) and isinstance(node, ast.ImportFrom):
            mistake.hint = did_you_mean(node.names[0].name, _offered(node))
        # what calls it anew, or what a name that stands twice is read from, is the same mistake
        for one in mistake.each:
            if one.render() not in {known.render() for known in self.mistakes}:
                self.mistakes.append(one)

    def _run(self, tree: ast.Module | ast.Expression, mode: str) -> None:
        code: types.CodeType = compile(tree, str(self.path), mode)
        exec(code, self.names)


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


def _parts(node: ast.expr) -> list[ast.expr]:
    """The expressions that an expression is made of; none where they have no meaning of their own."""
    if not isinstance(node, _PARTED):
        return []
    found: list[ast.expr] = []
    for child in ast.iter_child_nodes(node):
        inner = child.value if isinstance(child, (ast.keyword, ast.Starred)) else child
        found += [inner] if isinstance(inner, ast.expr) else []
    return found


def _is_display(node: ast.expr) -> bool:
    """Is it a list, a tuple, a set or a dict, written out?"""
    is_dict = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict"
    return is_dict or isinstance(node, (ast.List, ast.Tuple, ast.Set, ast.Dict))


def _less(node: ast.expr, kept: dict[int, ast.expr | None]) -> ast.expr | None:
    """A display without the elements that failed; None when it has none left."""
    less = _replaced(node, kept)
    if isinstance(less, ast.Dict):
        pairs = [
            (k, v) for k, v in zip(less.keys, less.values, strict=True) if _is_left(v) and (k is None or _is_left(k))
        ]
        less.keys, less.values = [k for k, _ in pairs], [v for _, v in pairs]
        return less if pairs else None
    if isinstance(less, ast.Call):
        less.args = [arg for arg in less.args if _is_left(arg)]
        less.keywords = [word for word in less.keywords if _is_left(word.value)]
        return less if less.args or less.keywords else None
    assert isinstance(less, (ast.List, ast.Tuple, ast.Set))
    less.elts = [element for element in less.elts if _is_left(element)]
    return less if less.elts else None


#: Stands for an element that failed until it is taken out.
_GONE = ast.Constant(None)


def _is_left(node: ast.expr) -> bool:
    return (node.value if isinstance(node, ast.Starred) else node) is not _GONE


def _replaced(node: ast.expr, kept: dict[int, ast.expr | None]) -> ast.expr:
    """A copy of an expression with what is left of its parts."""
    new = copy.copy(node)
    for name, old in ast.iter_fields(node):
        setattr(new, name, [_part(o, kept) for o in old] if isinstance(old, list) else _part(old, kept))
    return new


def _part(old: Any, kept: dict[int, ast.expr | None]) -> Any:
    if isinstance(old, (ast.keyword, ast.Starred)):
        inner = copy.copy(old)
        inner.value = _part(old.value, kept)
        return inner
    if id(old) not in kept:
        return old
    return kept[id(old)] or _GONE
