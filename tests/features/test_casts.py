from itertools import product
from pathlib import Path

import pytest

from penstock import Stream
from penstock.features.casts import CASTS, REFUSED, cast_operator
from penstock.features.errors import DefinitionError
from penstock.features.operators import OPERATORS
from penstock.features.types import TYPES
from tests.features.written import refused

PAIRS = [(given, wanted) for given, wanted in product(TYPES, TYPES) if given != wanted]


@pytest.mark.parametrize(("given", "wanted"), PAIRS)
def test_every_cast_has_an_operator_or_a_reason_why_not(given: str, wanted: str) -> None:
    if wanted in CASTS[given]:
        assert (given, wanted) not in REFUSED
        assert OPERATORS[cast_operator(given, wanted)].result((given,)) == wanted
    else:
        with pytest.raises(DefinitionError) as refusal:
            cast_operator(given, wanted)
        assert refusal.value.what == f"a {given} is not cast to {wanted}: {REFUSED[given, wanted][0]}"
        assert refusal.value.hint == REFUSED[given, wanted][1]


def test_a_cast_to_its_own_type_is_the_value_itself() -> None:
    orders = Stream("orders", topic="orders", time="ts", columns=dict(i="int64"))
    assert orders.i.cast("int64") is orders.i or orders.i.cast("int64").to_json() == orders.i.to_json()


def test_a_type_that_is_none_is_answered_with_the_nearest(tmp_path: Path) -> None:
    error = refused(tmp_path, "orders.amount.cast('int')")
    assert error.what == "'int' is not a type to cast to"
    assert error.hint == "did you mean 'int64'?"
