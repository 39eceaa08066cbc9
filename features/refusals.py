"""What a definition may try and expressions do not have, and the nearest thing that works."""

from __future__ import annotations

from penstock.features.aggregates import AGGREGATES

_TIMES = 'literal(1356998400000).cast("timestamp") is a constant time; t.cast("int64") is the milliseconds of one'
_TRUTHS = 'x.cast("int64") is 1 where x is true, and 0 where it is false'
_CASTS = 'x.cast("string") writes an int64; s.cast("int64") reads one'

#: (Operator, a type that it does not take) → what to write instead.
_INSTEAD: dict[tuple[str, str], str] = {
    ("add", "string"): "concat(x, y) joins texts",
    ("floor_divide", "float64"): "(x / y).floor()",
    ("modulo", "float64"): "x - (x / y).floor() * y",
    ("substring", "float64"): 'x.cast("int64")',
    ("concat", "int64"): 'x.cast("string")',
    **{(op, "int64"): "an int64 is whole already" for op in ("round", "floor", "ceil")},
    **{(op, "int64"): 't.cast("timestamp") takes it for milliseconds' for op in ("hour", "weekday", "month")},
}

#: A type that most operators do not take → what to write instead.
_OF_TYPE = {"timestamp": _TIMES, "bool": _TRUTHS, "string": _CASTS}
_OF_NUMBERS = ("add", "subtract", "multiply", "divide", "floor_divide", "modulo", "negate", "abs", "sqrt", "log", "exp")
_OF_TWO = ("eq", "ne", "lt", "le", "gt", "ge", "coalesce", "when")

#: Python's method → how a definition calls it, and what to write instead.
PYTHON: dict[str, tuple[str, str]] = {
    "__abs__": ("abs(x)", "x.abs()"),
    "__round__": ("round(x)", "x.round(), to whole numbers; (x * 100).round() / 100 for two decimals"),
    "__trunc__": ("math.trunc(x)", 'x.cast("int64"), which drops the fraction'),
    "__floor__": ("math.floor(x)", "x.floor()"),
    "__ceil__": ("math.ceil(x)", "x.ceil()"),
    "__int__": ("int(x)", 'x.cast("int64")'),
    "__float__": ("float(x)", 'x.cast("float64"); the functions of doubles are x.sqrt() x.log() x.exp()'),
    "__len__": ("len(s)", "s.length()"),
    "__contains__": ("'in'", "s.contains('…'), or (s == 'a') | (s == 'b')"),
    "__getitem__": ("s[a:b]", "s.substring(a, length)"),
    "__pow__": ("x ** y", "x * x, x.sqrt(), or (x.log() * y).exp()"),
    "__rpow__": ("y ** x", "(x * literal(y).log()).exp()"),
    "__divmod__": ("divmod(x, y)", "x // y and x % y"),
    "__xor__": ("x ^ y", "x != y between bools"),
    "__lshift__": ("x << y", "x * 2, and so on"),
    "__rshift__": ("x >> y", "x // 2, and so on"),
    "__format__": ("a format such as f'{x}'", "concat('a text ', x)"),
}

#: What other systems call the methods of a column → what to write instead.
METHODS = {
    "isin": "(s == 'a') | (s == 'b')",
    "is_in": "(s == 'a') | (s == 'b')",
    "between": "(x >= low) & (x <= high)",
    "isna": "x.is_null()",
    "isnull": "x.is_null()",
    "notna": "~x.is_null()",
    "notnull": "~x.is_null()",
    "fillna": "coalesce(x, value)",
    "fill_null": "coalesce(x, value)",
    "astype": 'x.cast("int64")',
    "len": "s.length()",
    "str": "s.lower(), s.contains('…'): texts have their methods themselves",
    "dt": "t.hour(), t.weekday(): times have their methods themselves",
    "over": "an aggregate has windows: sum(x).over('1h')",
    "apply": "an expression, which every engine can compute",
    "map": "an expression, which every engine can compute",
    **{name: f"{name}(x).over('1h')" for name, aggregate in AGGREGATES.items() if aggregate.plain()},
}

#: What other systems call an aggregate → what it is here.
ELSEWHERE = {
    "avg": "mean(x)",
    "average": "mean(x)",
    "median": "percentile(x, 50)",
    "quantile": "percentile(x, p), with p from 0 to 100",
    "stddev": "std(x)",
    "variance": "var(x)",
    "nunique": "distinct(x)",
    "count_distinct": "distinct(x)",
    "collect_list": "last_k(x, k)",
    "mode": "top_k(x, 1)",
    "latest": "last(x)",
    "earliest": "first(x)",
    "tumbling": "hopping('1h', step='1h')",
    "rolling": "sliding('1h')",
    "col": "stream.name, or stream['name']",
    "lit": "literal(value)",
}

#: What other systems estimate → the exact aggregate.
SKETCHES = {
    "approx_distinct": "distinct(x), which is exact",
    "approx_count_distinct": "distinct(x), which is exact",
    "approx_percentile": "percentile(x, p), which is exact",
    "approx_quantile": "percentile(x, p), which is exact",
}


def instead(op: str, types: tuple[str, ...]) -> str | None:
    """The nearest thing that works where an operator does not take these types, or None where nothing is near."""
    for type in types:
        if (op, type) in _INSTEAD:
            return _INSTEAD[op, type]
    if op in _OF_NUMBERS or (op in _OF_TWO and len(set(types)) > 1):
        return next((hint for type, hint in _OF_TYPE.items() if type in types), None)
    return None
