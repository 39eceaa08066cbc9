"""Logarithms against exact arithmetic: the bits of other engines are compared in tests/parity/test_doubles.py."""

from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt

from penstock.features import logarithms
from penstock.features.logarithm_columns import exp, log

RANDOM = np.random.default_rng(11)


def ulps(found: npt.NDArray[np.float64], exact: list[Decimal]) -> float:
    """How far from the exact values, in units of the last place."""
    return max(
        float(abs(Decimal(float(f)) - e) / Decimal(float(np.spacing(abs(f)))))
        for f, e in zip(found, exact, strict=True)
    )


def test_log_is_within_one_unit_of_the_last_place() -> None:
    x = np.concatenate([10.0 ** RANDOM.uniform(-320, 308, 300), 1 + RANDOM.normal(size=300) * 1e-3, [5e-324, 1.7e308]])
    with localcontext() as context:
        context.prec = 60
        assert ulps(log(x), [Decimal(float(value)).ln() for value in x]) < 1


def test_exp_is_within_one_unit_of_the_last_place() -> None:
    x = np.concatenate([RANDOM.uniform(-745, 709, 300), RANDOM.uniform(-1, 1, 300), [709.782712893384, -1e-300]])
    with localcontext() as context:
        context.prec = 60
        assert ulps(exp(x), [Decimal(float(value)).exp() for value in x]) < 1


def test_what_has_no_logarithm_is_no_number_and_powers_end_with_the_doubles() -> None:
    assert np.isnan(log(np.array([0.0, -1.0, -5e-324]))).all()
    assert exp(np.array([709.7827128933841, -745.1332191019412, 0.0, -0.0])).tolist() == [np.inf, 0.0, 1.0, 1.0]


def test_no_values_give_none() -> None:
    assert (len(log(np.array([]))), len(exp(np.array([])))) == (0, 0)


def test_columns_have_the_bits_of_single_values() -> None:
    around_one = 1 + RANDOM.normal(size=20_000) * 10.0 ** RANDOM.uniform(-16, 0, 20_000)
    x = np.concatenate([10.0 ** RANDOM.uniform(-323, 308, 20_000), np.abs(around_one), [1.0, 2.0, 5e-324, 1.7e308]])
    assert log(x).tolist() == [logarithms.log(value) for value in x.tolist()]
    y = np.concatenate(
        [RANDOM.uniform(-746, 711, 20_000), RANDOM.normal(size=20_000), 10.0 ** RANDOM.uniform(-12, 0, 99)]
    )
    assert exp(y).tolist() == [logarithms.exp(value) for value in y.tolist()]
