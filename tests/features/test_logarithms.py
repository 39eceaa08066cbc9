"""The ends; the values between are compared with those of columns, and these with exact arithmetic."""

import math

import pytest

from penstock.features.logarithms import exp, log


@pytest.mark.parametrize(
    ("x", "bits"),
    [
        (0.5, "-0x1.62e42fefa39efp-1"),
        (10.0, "0x1.26bb1bbb55516p+1"),
        (5e-324, "-0x1.74385446d71c3p+9"),
        (1.0, "0x0.0p+0"),
    ],
)
def test_log_has_these_bits(x: float, bits: str) -> None:
    assert log(x).hex() == bits


def test_what_has_no_logarithm_is_no_number_and_powers_end_with_the_doubles() -> None:
    assert all(math.isnan(log(x)) for x in (0.0, -1.0, -5e-324))
    assert [exp(x) for x in (709.7827128933841, -745.1332191019412, 0.0, -0.0)] == [math.inf, 0.0, 1.0, 1.0]
