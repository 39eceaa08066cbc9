"""LLVM's instructions as short expressions, loops as blocks: what the kernel is written in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

I1, I8, I32, I64, F64 = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.DoubleType()
BYTES = I8.as_pointer()
Value = Any


def int64(number: int) -> Value:
    """A constant."""
    return ir.Constant(I64, number)


class Emitter:
    """A function that is being written. ``args`` are its arguments."""

    def __init__(self, module: ir.Module, name: str, types: Sequence[Any], returns: Any = None) -> None:
        self.function = ir.Function(module, ir.FunctionType(returns or ir.VoidType(), types), name)
        self.function.attributes.add("nounwind")
        self.args = self.function.args
        self.b = ir.IRBuilder(self.function.append_basic_block())

    def load(self, type: Any, base: Value, index: Value | int = 0, align: int | None = None) -> Value:
        """Element ``index`` of an array of a type."""
        return self.b.load(self._address(type, base, index), align=align)

    def store(self, value: Value, base: Value, index: Value | int = 0, align: int | None = None) -> None:
        """Into element ``index`` of an array."""
        self.b.store(value, self._address(value.type, base, index), align=align)

    def at(self, base: Value, bytes: Value | int) -> Value:
        """An address so many bytes on."""
        return self.b.gep(base, [self._int(bytes)])

    def variable(self, value: Value) -> Variable:
        """One that a loop changes. It becomes a register."""
        with self.b.goto_entry_block():
            place = self.b.alloca(value.type)
        self.b.store(value, place)
        return Variable(self.b, place)

    @contextmanager
    def loop(self, start: Value | int, stop: Value | int, step: int = 1) -> Iterator[Value]:
        """Within the block the index, from ``start`` until ``stop`` is reached, perhaps never."""
        first, last, before = self._int(start), self._int(stop), self.b.block
        body, after = self.b.append_basic_block(), self.b.append_basic_block()
        self.b.cbranch(self.b.icmp_signed("<", first, last), body, after)
        self.b.position_at_end(body)
        index = self.b.phi(I64)
        index.add_incoming(first, before)
        yield index
        following = self.b.add(index, int64(step))
        index.add_incoming(following, self.b.block)
        self.b.cbranch(self.b.icmp_signed("<", following, last), body, after)
        self.b.position_at_end(after)

    @contextmanager
    def unless_zero(self, variable: Variable) -> Iterator[Value]:
        """Within the block its value, again and again until it is zero."""
        test, body, after = (self.b.append_basic_block() for _ in range(3))
        self.b.branch(test)
        self.b.position_at_end(test)
        value = variable.get()
        self.b.cbranch(self.b.icmp_signed("!=", value, ir.Constant(value.type, 0)), body, after)
        self.b.position_at_end(body)
        yield value
        self.b.branch(test)
        self.b.position_at_end(after)

    def least(self, left: Value, right: Value) -> Value:
        """The smaller of two integers."""
        return self.b.select(self.b.icmp_signed("<", left, right), left, right)

    def _address(self, type: Any, base: Value, index: Value | int) -> Value:
        return self.b.gep(self.b.bitcast(base, type.as_pointer()), [self._int(index)])

    def _int(self, number: Value | int) -> Value:
        return int64(number) if isinstance(number, int) else number


class Variable:
    """A place for a value."""

    def __init__(self, b: ir.IRBuilder, place: Value) -> None:
        self._b, self._place = b, place

    def get(self) -> Value:
        """Its value by now."""
        return self._b.load(self._place)

    def set(self, value: Value) -> None:
        """Another value."""
        self._b.store(value, self._place)
