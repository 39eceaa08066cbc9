import pytest

from penstock import Stream, coalesce
from penstock.features.expressions import Expr
from penstock.features.infix import infix

S = Stream("s", topic="s", time="ts", columns=dict(x="float64", y="float64", n="int64", ok="bool", text="string"))


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (S.x, "x"),
        (S.x > 15, "x > 15.0"),
        (S.text == 'a "b"', 'text == "a \\"b\\""'),
        ((S.x - S.y) * 2, "(x - y) * 2.0"),
        ((S.x > 1) & ~S.ok, "(x > 1.0) & (~ok)"),
        (~S.text.is_null(), "~is_null(text)"),
        (-(S.x + S.y), "-(x + y)"),
        (coalesce(S.x, S.y, 0.0) / S.n, "coalesce(x, y, 0.0) / float(n)"),
        (S.ok == True, "ok == true"),  # noqa: E712
    ],
)
def test_an_expression_reads_as_it_is_written(expr: Expr, text: str) -> None:
    assert infix(expr) == text
