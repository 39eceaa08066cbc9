"""The kernel as LLVM's code, for vectors of any number of bytes.

A block has one or more vectors of rows. The rank of each row's value of each feature is searched, and gives a byte in
each column of the feature. In a tree each row begins at the leaf farthest to the left. From the root down, where a row
is at the place of a node's first leaf, the node is on its way: where the column's byte is above the threshold the row
goes to the first leaf of the right child. So a node is two comparisons and a choice for all rows of a vector at once,
and no branch. Values are added in the order of the trees.

A few rows are walked one by one, a group of trees at once: a leaf leads to itself until the deepest tree has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from llvmlite import ir

from penstock.jobs.models.kernel.columns import NEXT_TO_ZERO
from penstock.jobs.models.kernel.emitter import BYTES, F64, I1, I8, I32, I64, Emitter, Value, Variable, int64
from penstock.jobs.models.kernel.tables import GROUP, Feature, Head

#: Vectors of a large block: what is read of a node serves all of them.
LARGE = 4
#: Searches at once, so that none waits for memory alone.
_SEARCHES = 8
#: Steps of a walk before it is asked whether all have reached a leaf.
_STEPS = 4
#: Bytes that memory of a block is aligned to.
LINE = 64
#: Arguments of a prediction: head, inputs, rows, outputs, memory.
ARGUMENTS = (BYTES, BYTES, I64, BYTES, BYTES)


def module_of(width: int, size: int) -> ir.Module:
    """``walk`` and ``blocks`` predict sums. ``width``: bytes of a vector; ``size``: bytes of a leaf's place, 1 or 2."""
    module = ir.Module("trees")
    leaf = _leaf(module)
    _walk(module, leaf)
    small, large = (_block(module, width // size, size, vectors, leaf) for vectors in (1, LARGE))
    _blocks(module, width // size, small, large)
    return module


def memory_of(width: int, size: int, columns: int) -> int:
    """Bytes that a prediction needs."""
    rows = LARGE * width // size
    return LINE + rows * (columns + 1 + GROUP * size + 8 + 8)


def _head(e: Emitter, name: Head) -> Value:
    return e.load(I64, e.args[0], int(name))


def _array(e: Emitter, name: Head) -> Value:
    return e.b.inttoptr(_head(e, name), BYTES)


def _normal(e: Emitter, value: Value) -> Value:
    """Zero for what is next to zero."""
    size = e.b.call(e.b.module.declare_intrinsic("llvm.fabs", [F64]), [value])
    return e.b.select(e.b.fcmp_unordered(">", size, ir.Constant(F64, NEXT_TO_ZERO)), value, ir.Constant(F64, 0.0))


def _rank(e: Emitter, inputs: Value, rows: Value, columns: Value, stride: int, memory: Value) -> None:
    """Fills the columns for rows, each column with ``stride`` bytes."""
    features, bounds, bytes = (_array(e, name) for name in (Head.FEATURES, Head.BOUNDS, Head.BYTES))
    width, together = _head(e, Head.INPUTS), min(_SEARCHES, stride)
    last = e.b.sub(rows, int64(1))
    with e.loop(0, _head(e, Head.RANKED)) as number:
        feature = e.at(features, e.b.mul(number, int64(8 * len(Feature))))
        facts = {name: e.load(I64, feature, int(name)) for name in Feature}
        own_bounds = e.at(bounds, e.b.shl(facts[Feature.BOUNDS], int64(3)))
        with e.loop(0, rows, together) as row:
            places = [e.least(e.b.add(row, int64(one)), last) for one in range(together)]
            values = [
                _normal(e, e.load(F64, inputs, e.b.add(e.b.mul(place, width), facts[Feature.FEATURE])))
                for place in places
            ]
            for one, rank in enumerate(_searched(e, own_bounds, facts[Feature.STEPS], values)):
                e.store(e.b.mul(rank, facts[Feature.COLUMNS]), memory, e.b.add(row, int64(one)))
        own_bytes, first = e.at(bytes, facts[Feature.BYTES]), facts[Feature.FIRST_COLUMN]
        if stride == 1:
            _copy(e, e.at(own_bytes, e.load(I64, memory)), e.at(columns, first), facts[Feature.COLUMNS])
        else:
            to = e.at(columns, e.b.mul(first, int64(stride)))
            _spread(e, own_bytes, to, facts[Feature.COLUMNS], stride, rows, memory)


def _copy(e: Emitter, bytes: Value, to: Value, columns: Value) -> None:
    """By eight: what is copied too much is within both, and the next feature's columns come later."""
    with e.loop(0, columns, 8) as column:
        e.store(e.load(I64, e.at(bytes, column), align=1), e.at(to, column), align=1)


def _spread(e: Emitter, bytes: Value, to: Value, columns: Value, stride: int, rows: Value, ranks: Value) -> None:
    """Each row's byte of each column."""
    with e.loop(0, columns) as column:
        own, place = e.at(bytes, column), e.at(to, e.b.mul(column, int64(stride)))
        with e.loop(0, rows) as row:
            e.store(e.load(I8, own, e.load(I64, ranks, row)), place, row)


def _searched(e: Emitter, bounds: Value, steps: Value, values: Sequence[Value]) -> list[Value]:
    """Down a tree of bounds from place 1: from place k to 2k, or to 2k + 1 where the bound is below. No branches: they
    would go wrong half of the time.
    """
    at = [e.variable(int64(1)) for _ in values]
    with e.loop(0, steps):
        for place, value in zip(at, values, strict=True):
            # of NaN every bound is below
            below = e.b.fcmp_unordered("<", e.load(F64, bounds, place.get()), value)
            place.set(e.b.add(e.b.shl(place.get(), int64(1)), e.b.zext(below, I64)))
    return [place.get() for place in at]


def _leaf(module: ir.Module) -> ir.Function:
    """What a leaf of linear trees gives for a row's inputs: its terms, or its value where one of them is NaN."""
    e = Emitter(module, "leaf", (BYTES, BYTES, I64), F64)
    e.function.attributes.add("noinline")
    _, inputs, leaf = e.args
    value = e.load(F64, _array(e, Head.VALUES), leaf)
    terms = _array(e, Head.TERMS)
    begin = e.load(I64, terms, e.b.shl(leaf, int64(1)))
    end = e.load(I64, terms, e.b.add(e.b.shl(leaf, int64(1)), int64(1)))
    with e.b.if_then(e.b.icmp_signed("<", begin, int64(0))):
        e.b.ret(value)
    sum, missing = e.variable(e.load(F64, _array(e, Head.CONSTANTS), leaf)), e.variable(ir.Constant(I1, 0))
    features, coefficients = _array(e, Head.TERM_FEATURES), _array(e, Head.COEFFICIENTS)
    with e.loop(begin, end) as term:
        number = _normal(e, e.load(F64, inputs, e.load(I64, features, term)))
        missing.set(e.b.or_(missing.get(), e.b.fcmp_unordered("uno", number, number)))
        sum.set(e.b.fadd(sum.get(), e.b.fmul(e.load(F64, coefficients, term), number)))
    e.b.ret(e.b.select(missing.get(), value, sum.get()))
    return e.function


def _either(e: Emitter, plain: Callable[[], None], linear: Callable[[], None]) -> None:
    with e.b.if_else(e.b.icmp_signed("==", _head(e, Head.TERMS), int64(0))) as (no_terms, terms):
        with no_terms:
            plain()
        with terms:
            linear()


def _walk(module: ir.Module, leaf: ir.Function) -> None:
    e = Emitter(module, "walk", ARGUMENTS)
    head, all_inputs, rows, outputs, memory = e.args
    columns = e.at(memory, 8)
    steps, roots, values = (_array(e, name) for name in (Head.STEPS, Head.ROOTS, Head.VALUES))
    groups, sums, leaves = _head(e, Head.GROUPS), _head(e, Head.OUTPUTS), _head(e, Head.LEAVES)
    divisor = e.load(F64, head, int(Head.DIVISOR))
    with e.loop(0, rows) as row:
        inputs = e.at(all_inputs, e.b.shl(e.b.mul(row, _head(e, Head.INPUTS)), int64(3)))
        _rank(e, inputs, int64(1), columns, 1, memory)
        with e.loop(0, sums) as output:
            sum = e.variable(ir.Constant(F64, 0.0))
            first = e.b.mul(output, groups)
            with e.loop(first, e.b.add(first, groups)) as group:
                root = e.b.mul(group, int64(GROUP))
                at = [e.variable(e.load(I32, roots, e.b.add(root, int64(tree)))) for tree in range(GROUP)]
                _descend(e, steps, columns, at)
                numbers = [e.b.sub(e.b.zext(place.get(), I64), leaves) for place in at]

                def plain(numbers: list[Value] = numbers, sum: Value = sum) -> None:
                    for number in numbers:
                        sum.set(e.b.fadd(sum.get(), e.load(F64, values, number)))

                def linear(numbers: list[Value] = numbers, sum: Value = sum, inputs: Value = inputs) -> None:
                    for number in numbers:
                        sum.set(e.b.fadd(sum.get(), e.b.call(leaf, [head, inputs, number])))

                _either(e, plain, linear)
            e.store(e.b.fdiv(sum.get(), divisor), outputs, e.b.add(e.b.mul(row, sums), output))
    e.b.ret_void()


def _descend(e: Emitter, steps: Value, columns: Value, at: Sequence[Variable]) -> None:
    """From roots to leaves: a few steps, until the last of them changes nothing."""
    moved = e.variable(ir.Constant(I32, 1))
    with e.unless_zero(moved):
        for _ in range(_STEPS):
            before = [place.get() for place in at]
            for place in at:
                place.set(_step(e, steps, columns, place.get()))
        changes = [e.b.xor(place.get(), was) for place, was in zip(at, before, strict=True)]
        moved.set(reduce(e.b.or_, changes))


def _step(e: Emitter, steps: Value, columns: Value, place: Value) -> Value:
    """From a node to a child."""
    entry = e.b.shl(e.b.zext(place, I64), int64(2))
    column, threshold = (e.load(I32, steps, e.b.add(entry, int64(word))) for word in (0, 1))
    byte = e.b.sext(e.load(I8, columns, e.b.zext(column, I64)), I32)
    right = e.b.zext(e.b.icmp_signed(">", byte, threshold), I64)
    return e.load(I32, steps, e.b.add(e.b.add(entry, int64(2)), right))


def _block(module: ir.Module, lanes: int, size: int, vectors: int, leaf: ir.Function) -> ir.Function:
    """At most ``lanes * vectors`` rows."""
    e = Emitter(module, f"block{vectors}", ARGUMENTS)
    head, inputs, rows, outputs, memory = e.args
    stride = lanes * vectors
    ranks, sums = memory, e.at(memory, 8 * stride)
    places = e.at(memory, 16 * stride)
    columns = e.at(places, GROUP * stride * size)
    _rank(e, inputs, rows, columns, stride, ranks)
    groups, outs = _head(e, Head.GROUPS), _head(e, Head.OUTPUTS)
    first_leaf, values = _array(e, Head.FIRST_LEAF), _array(e, Head.VALUES)
    divisor = e.load(F64, head, int(Head.DIVISOR))
    with e.loop(0, outs) as output:
        with e.loop(0, rows) as row:
            e.store(ir.Constant(F64, 0.0), sums, row)
        first = e.b.mul(output, groups)
        with e.loop(first, e.b.add(first, groups)) as group:
            tree = e.b.mul(group, int64(GROUP))
            with e.loop(0, GROUP) as one:
                to = e.at(places, e.b.mul(one, int64(stride * size)))
                _follow(e, e.b.add(tree, one), columns, to, lanes, size, vectors)
            own = [e.load(I64, first_leaf, e.b.add(tree, int64(one))) for one in range(GROUP)]

            def plain(own: list[Value] = own) -> None:
                at = [e.at(values, e.b.shl(leaf, int64(3))) for leaf in own]
                with e.loop(0, rows) as row:
                    sum = e.load(F64, sums, row)
                    for number, base in enumerate(at):
                        sum = e.b.fadd(sum, e.load(F64, base, _place(e, places, size, number * stride, row)))
                    e.store(sum, sums, row)

            def linear(own: list[Value] = own) -> None:
                with e.loop(0, rows) as row:
                    line = e.at(inputs, e.b.shl(e.b.mul(row, _head(e, Head.INPUTS)), int64(3)))
                    sum = e.load(F64, sums, row)
                    for number, first in enumerate(own):
                        place = e.b.add(first, _place(e, places, size, number * stride, row))
                        sum = e.b.fadd(sum, e.b.call(leaf, [head, line, place]))
                    e.store(sum, sums, row)

            _either(e, plain, linear)
        with e.loop(0, rows) as row:
            sum = e.b.fdiv(e.load(F64, sums, row), divisor)
            e.store(sum, outputs, e.b.add(e.b.mul(row, outs), output))
    e.b.ret_void()
    return e.function


def _place(e: Emitter, places: Value, size: int, first: int, row: Value) -> Value:
    return e.b.zext(e.load(ir.IntType(8 * size), e.at(places, first * size), row), I64)


def _follow(e: Emitter, tree: Value, columns: Value, to: Value, lanes: int, size: int, vectors: int) -> None:
    """Stores the place of each row's leaf in a tree."""
    byte_vector, vector = (ir.VectorType(ir.IntType(8 * each), lanes) for each in (1, size))
    first_node, nodes = _array(e, Head.FIRST_NODE), _array(e, Head.NODES)
    at = [e.variable(ir.Constant(vector, [0] * lanes)) for _ in range(vectors)]
    with e.loop(e.load(I64, first_node, tree), e.load(I64, first_node, e.b.add(tree, int64(1)))) as node:
        entry = e.at(nodes, e.b.shl(node, int64(4)))
        column = e.b.zext(e.load(I32, entry), I64)
        bytes = e.at(columns, e.b.mul(column, int64(lanes * vectors)))
        threshold, own, right = (_repeated(e, e.load(I32, entry, word), vector) for word in (1, 2, 3))
        for number, place in enumerate(at):
            column_bytes = e.load(byte_vector, bytes, number, align=lanes)
            above = e.b.icmp_signed(">", e.b.sext(column_bytes, vector), threshold)
            on_its_way = e.b.icmp_signed("==", place.get(), own)
            place.set(e.b.select(e.b.and_(above, on_its_way), right, place.get()))
    for number, place in enumerate(at):
        e.store(place.get(), to, number, align=lanes * size)


def _repeated(e: Emitter, word: Value, vector: ir.VectorType) -> Value:
    """Four bytes, in all of a vector."""
    width = vector.count * vector.element.width // 8
    words = ir.VectorType(I32, width // 4)
    one = e.b.insert_element(ir.Constant(words, ir.Undefined), word, ir.Constant(I32, 0))
    zeros = ir.Constant(words, [0] * (width // 4))
    return e.b.bitcast(e.b.shuffle_vector(one, one, zeros), vector)


def _blocks(module: ir.Module, lanes: int, small: ir.Function, large: ir.Function) -> None:
    """Large blocks while there are rows for more than half of one, then small ones."""
    e = Emitter(module, "blocks", ARGUMENTS)
    head, inputs, rows, outputs, memory = e.args
    aligned = e.b.and_(e.b.add(e.b.ptrtoint(memory, I64), int64(LINE - 1)), int64(-LINE))
    own = e.b.inttoptr(aligned, BYTES)
    left = e.variable(rows)
    done = e.variable(int64(0))
    with e.unless_zero(left) as remaining:
        is_large = e.b.icmp_signed(">", remaining, int64(LARGE * lanes // 2))
        most = e.b.select(is_large, int64(LARGE * lanes), int64(lanes))
        those = e.least(remaining, most)
        line = e.at(inputs, e.b.shl(e.b.mul(done.get(), _head(e, Head.INPUTS)), int64(3)))
        to = e.at(outputs, e.b.shl(e.b.mul(done.get(), _head(e, Head.OUTPUTS)), int64(3)))
        with e.b.if_else(is_large) as (yes, no):
            with yes:
                e.b.call(large, [head, line, those, to, own])
            with no:
                e.b.call(small, [head, line, those, to, own])
        done.set(e.b.add(done.get(), those))
        left.set(e.b.sub(remaining, those))
    e.b.ret_void()
