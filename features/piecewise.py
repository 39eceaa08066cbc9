"""Evaluates an expression part by part, each part once, past the parts that fail.

``dict(a=wrong, b=wrong)`` has two mistakes. What is around them is evaluated without them, for other mistakes there.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from typing import Any

#: Expressions whose parts mean the same when they are evaluated alone.
_PARTED = (
    ast.Call, ast.Dict, ast.List, ast.Tuple, ast.Set, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Attribute, ast.Subscript,
)  # fmt: skip

#: Arguments of views, models and aggregates that can be left out without a new mistake.
_OPTIONAL = ("filter", "where", "label", "derived")

#: Levels of expressions in each other. What is deeper is one part: each level costs frames of Python's stack.
_DEEPEST = 40

#: No name that a user's file can hold.
_HOLDER = "<part {}>"


@dataclass(frozen=True)
class Evaluated:
    """``whole``: is ``value`` that of the expression as it is written, without any part left out?"""

    value: Any
    whole: bool = True


class Piecewise:
    """Evaluates the expressions of one file.

    ``evaluate``: compiles and evaluates an expression, raises what it raises. ``names``: what expressions can refer to.
    ``lost``: names of which a mistake has taken the meaning. ``record``: takes each mistake and the node where it is.
    """

    def __init__(
        self,
        evaluate: Callable[[ast.expr], Any],
        names: dict[str, Any],
        lost: Set[str],
        record: Callable[[Exception, ast.AST], None],
    ) -> None:
        self._evaluate = evaluate
        self._names = names
        self._lost = lost
        self._record = record

    def value(self, node: ast.expr, depth: int = 0) -> Evaluated | None:
        """What the expression gives. None where it fails, is incomplete, or refers to a lost name."""
        parts = _parts(node) if depth < _DEEPEST else []
        values = {id(part): self.value(part, depth + 1) for part in parts}
        lost = {key for key, value in values.items() if value is None}
        if not parts:
            return None if self.uses_lost(node) else self._attempt(node, node, {})
        rest = _without(node, lost)
        if rest is None:
            return None
        whole = not lost and all(value is not None and value.whole for value in values.values())
        if whole or _is_display(node):
            result = self._attempt(rest, node, values)
            return result and Evaluated(result.value, whole)
        if isinstance(node, ast.Call):
            self._attempt(rest, node, values)
        return None

    def uses_lost(self, node: ast.AST) -> bool:
        """Does it refer to a lost name?"""
        names = (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
        return any(name.id in self._lost for name in names)

    def _attempt(self, rest: ast.expr, node: ast.expr, values: dict[int, Evaluated | None]) -> Evaluated | None:
        """Evaluates ``rest``, which is what is left of ``node``, over the values of its parts."""
        holders: dict[str, Any] = {}
        held = _mapped(rest, lambda part: _holder(part, values, holders))
        self._names.update(holders)
        try:
            return Evaluated(self._evaluate(held))
        except Exception as error:
            self._record(error, node)
            return None
        finally:
            for name in holders:
                del self._names[name]


def _holder(part: ast.expr, values: dict[int, Evaluated | None], holders: dict[str, Any]) -> ast.expr:
    value = values.get(id(part))
    if value is None:
        return part
    name = _HOLDER.format(id(part))
    holders[name] = value.value
    return ast.copy_location(ast.Name(name, ast.Load()), part)


def _parts(node: ast.expr) -> list[ast.expr]:
    """The expressions that an expression is made of; none where they have no meaning of their own."""
    if not isinstance(node, _PARTED) or (isinstance(node, ast.Compare) and len(node.ops) > 1):
        return []
    return [inner for child in ast.iter_child_nodes(node) for inner in _inner(child)]


def _inner(child: ast.AST) -> Iterator[ast.expr]:
    inner = child.value if isinstance(child, (ast.keyword, ast.Starred)) else child
    if isinstance(inner, ast.expr) and not isinstance(inner, ast.Slice):
        yield inner


def _is_display(node: ast.expr) -> bool:
    """Is it a list, a tuple, a set or a dict, written out?"""
    is_dict = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict"
    return is_dict or isinstance(node, (ast.List, ast.Tuple, ast.Set, ast.Dict))


def _without(node: ast.expr, lost: Set[int]) -> ast.expr | None:
    """The expression without its lost parts; None where it means nothing without them."""
    if not lost:
        return node
    if _is_display(node):
        return _display_without(node, lost)
    return _call_without(node, lost) if isinstance(node, ast.Call) else None


def _display_without(node: ast.expr, lost: Set[int]) -> ast.expr | None:
    """A display without its lost elements; None when it has none left."""
    rest = copy.copy(node)
    if isinstance(rest, ast.Dict):
        pairs = [(k, v) for k, v in zip(rest.keys, rest.values, strict=True) if id(v) not in lost and id(k) not in lost]
        rest.keys, rest.values = [k for k, _ in pairs], [v for _, v in pairs]
        return rest if pairs else None
    if isinstance(rest, ast.Call):
        rest.args = [arg for arg in rest.args if _is_left(arg, lost)]
        rest.keywords = [word for word in rest.keywords if _is_left(word, lost)]
        return rest if rest.args or rest.keywords else None
    assert isinstance(rest, (ast.List, ast.Tuple, ast.Set))
    rest.elts = [element for element in rest.elts if _is_left(element, lost)]
    return rest if rest.elts else None


def _call_without(node: ast.Call, lost: Set[int]) -> ast.expr | None:
    """A call without its lost optional arguments; None when it lacks another one."""
    rest = copy.copy(node)
    rest.keywords = [word for word in node.keywords if word.arg not in _OPTIONAL or _is_left(word, lost)]
    needed: list[ast.expr | ast.keyword] = [rest.func, *rest.args, *rest.keywords]
    return rest if all(_is_left(part, lost) for part in needed) else None


def _is_left(part: ast.expr | ast.keyword, lost: Set[int]) -> bool:
    return id(part.value if isinstance(part, (ast.keyword, ast.Starred)) else part) not in lost


def _mapped(node: ast.expr, change: Callable[[ast.expr], ast.expr]) -> ast.expr:
    """A copy of the expression with each of its parts changed."""
    new = copy.copy(node)
    for name, old in ast.iter_fields(node):
        setattr(new, name, [_changed(o, change) for o in old] if isinstance(old, list) else _changed(old, change))
    return new


def _changed(old: Any, change: Callable[[ast.expr], ast.expr]) -> Any:
    if isinstance(old, (ast.keyword, ast.Starred)):
        inner = copy.copy(old)
        inner.value = _changed(old.value, change)
        return inner
    return change(old) if isinstance(old, ast.expr) else old
