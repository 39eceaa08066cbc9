"""An objective's last step, from sums to answers, as LLVM's code. ``exp`` is the C library's, as in LightGBM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from penstock.features.errors import RefusedError
from penstock.jobs.models.kernel.emitter import BYTES, F64, I64, Emitter, Value, int64

#: Arguments of a last step: the sums, that become answers; rows; sums of a row; a parameter.
ARGUMENTS = (BYTES, I64, I64, F64)
#: What LightGBM calls, too.
C_FUNCTIONS = ("exp", "log1p")
#: Of objectives: what their last step does. Those of the first line give their sum, except as the square root's square.
_PLAIN = ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank", "rank_xendcg")
_SQUARED = ("regression", "regression_l1", "fair", "quantile", "mape")
_EXP = ("poisson", "gamma", "tweedie")


@dataclass(frozen=True)
class LastStep:
    """``function``: its name in the kernel, None where sums are answers."""

    function: str | None
    parameter: float = 1.0


def last_step(objective: str | None, outputs: int) -> LastStep:
    """Of an objective as a model names it, None without any. Raises RefusedError for one that is not known."""
    name, *words = (objective or "custom").split(" ")
    options = dict(word.partition(":")[::2] for word in words)
    if name == "custom":
        return LastStep(None)
    if name in ("multiclass", "multiclassova"):
        if options.get("num_class") != str(outputs):
            raise RefusedError(f"the objective {objective} does not have the model's {outputs} sums")
        return LastStep("softmax") if name == "multiclass" else LastStep("sigmoid", _number(options["sigmoid"]))
    squared = "sqrt" in options and name in _SQUARED
    if name in _PLAIN and not squared:
        return LastStep(None)
    if outputs == 1 and squared:
        return LastStep("square")
    if outputs == 1 and name in _EXP:
        return LastStep("exponential")
    if outputs == 1 and name == "binary":
        return LastStep("sigmoid", _number(options["sigmoid"]))
    if outputs == 1 and name in ("cross_entropy", "cross_entropy_lambda"):
        return LastStep("sigmoid" if name == "cross_entropy" else "softplus")
    raise RefusedError(f"the objective {objective} with {outputs} sums is not known")


def _number(text: str) -> float:
    """A positive parameter, read digit by digit as LightGBM does: the last bit may differ from the nearest double's."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    number = _digits(whole)
    if fraction:
        number += _digits(fraction) / _power(10.0, len(fraction))
    scale = 1.0
    for _ in range(abs(int(exponent or 0))):
        scale *= 10.0
    return number / scale if exponent.startswith("-") else number * scale


def _digits(text: str) -> float:
    number = 0.0
    for digit in text:
        number = number * 10.0 + int(digit)
    return number


def _power(base: float, power: int) -> float:
    if power == 0:
        return 1.0
    if power % 2 == 0:
        return _power(base * base, power // 2)
    return _power(base * base * base, power // 3) if power % 3 == 0 else base * _power(base, power - 1)


def add_last_steps(module: ir.Module) -> list[str]:
    """Adds each of them to the kernel. Returns their names."""
    exp, log1p = (ir.Function(module, ir.FunctionType(F64, [F64]), name) for name in C_FUNCTIONS)
    one = ir.Constant(F64, 1.0)

    def sigmoid(e: Emitter, value: Value) -> Value:
        power = e.b.call(exp, [e.b.fmul(e.b.fneg(e.args[3]), value)])
        return e.b.fdiv(one, e.b.fadd(one, power))

    def square(e: Emitter, value: Value) -> Value:
        zero = ir.Constant(F64, 0.0)
        above, below = (e.b.uitofp(e.b.fcmp_ordered(sign, value, zero), F64) for sign in (">", "<"))
        return e.b.fmul(e.b.fmul(e.b.fsub(above, below), value), value)

    _each(module, "sigmoid", sigmoid)
    _each(module, "square", square)
    _each(module, "exponential", lambda e, value: e.b.call(exp, [value]))
    _each(module, "softplus", lambda e, value: e.b.call(log1p, [e.b.call(exp, [value])]))
    _softmax(module, exp)
    return ["sigmoid", "square", "exponential", "softplus", "softmax"]


def _each(module: ir.Module, name: str, step: Callable[[Emitter, Value], Value]) -> None:
    e = Emitter(module, name, ARGUMENTS)
    sums, rows, outputs, _ = e.args
    with e.loop(0, e.b.mul(rows, outputs)) as number:
        e.store(step(e, e.load(F64, sums, number)), sums, number)
    e.b.ret_void()


def _softmax(module: ir.Module, exp: ir.Function) -> None:
    e = Emitter(module, "softmax", ARGUMENTS)
    sums, rows, outputs, _ = e.args
    with e.loop(0, rows) as row:
        own = e.at(sums, e.b.shl(e.b.mul(row, outputs), int64(3)))
        greatest, whole = e.variable(e.load(F64, own)), e.variable(ir.Constant(F64, 0.0))
        with e.loop(1, outputs) as number:
            value, before = e.load(F64, own, number), greatest.get()
            greatest.set(e.b.select(e.b.fcmp_ordered("<", value, before), before, value))
        with e.loop(0, outputs) as number:
            power = e.b.call(exp, [e.b.fsub(e.load(F64, own, number), greatest.get())])
            e.store(power, own, number)
            whole.set(e.b.fadd(whole.get(), power))
        with e.loop(0, outputs) as number:
            e.store(e.b.fdiv(e.load(F64, own, number), whole.get()), own, number)
    e.b.ret_void()
