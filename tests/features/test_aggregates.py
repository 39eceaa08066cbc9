from pathlib import Path

import pytest

import penstock.features as features
from penstock import (
    Stream,
    argmax,
    argmin,
    count,
    decayed_mean,
    decayed_sum,
    distinct,
    first,
    first_k,
    histogram,
    kurtosis,
    last,
    last_k,
    lifetime,
    max,
    mean,
    min,
    percentile,
    skew,
    sliding,
    std,
    sum,
    top_k,
    var,
)
from penstock.features.aggregates import (
    AGGREGATES,
    Aggregate,
    Count,
    Distinct,
    Histogram,
    Percentile,
    Sum,
    aggregate_of,
)
from penstock.features.feature import Feature
from penstock.features.types import NUMBERS, TYPES
from tests.features.written import refused

orders = Stream(
    "orders", topic="orders", time="ts", columns={f"a_{type}": type for type in TYPES},
)  # fmt: skip
ANY = {"count": count, "min": min, "max": max, "first": first, "last": last, "distinct": distinct}
GIVEN = {
    "percentile": lambda x: percentile(x, 50),
    "argmax": lambda x: argmax(x, by=orders.a_int64),
    "argmin": lambda x: argmin(orders.a_int64, by=x),
    "last_k": lambda x: last_k(x, 3),
    "first_k": lambda x: first_k(x, 3),
    "top_k": lambda x: top_k(x, 3),
}
BINS = {"histogram": histogram}
DECAYED = {"decayed_sum": decayed_sum, "decayed_mean": decayed_mean}
NUMERIC = {"sum": sum, "mean": mean, "var": var, "std": std, "skew": skew, "kurtosis": kurtosis}


def leaves(base: type[Aggregate]) -> set[type[Aggregate]]:
    below = base.__subclasses__()
    return {base} if not below else {leaf for each in below for leaf in leaves(each)}


def test_every_class_of_an_aggregate_is_in_the_table_of_all() -> None:
    assert leaves(Aggregate) == set(AGGREGATES.values())


def test_two_aggregates_are_equal_if_they_are_of_one_class_and_given_the_same() -> None:
    assert Sum() == Sum() != Distinct()
    assert Percentile((1, 2)) == Percentile((1, 2)) != Percentile((1, 3))


def test_every_aggregate_of_the_table_has_its_function() -> None:
    assert set(AGGREGATES) == {*ANY, *NUMERIC, *DECAYED, *GIVEN, *BINS, "latest"}  # latest is what a table is made of


@pytest.mark.parametrize("name", ANY)
@pytest.mark.parametrize("type", TYPES)
def test_what_is_only_compared_takes_every_type(name: str, type: str) -> None:
    feature = ANY[name](orders[f"a_{type}"])
    assert (feature.aggregate.name, feature.arg, feature.windows) == (name, feature.arg, ())
    assert feature.aggregate.type(type) == ("int64" if name in ("count", "distinct") else type)


@pytest.mark.parametrize("name", NUMERIC)
@pytest.mark.parametrize("type", NUMBERS)
def test_what_is_summed_takes_numbers(name: str, type: str) -> None:
    aggregate = NUMERIC[name](orders[f"a_{type}"]).aggregate
    assert aggregate.name == name
    assert aggregate.type(type) == (type if name == "sum" else "float64")


@pytest.mark.parametrize("name", NUMERIC)
@pytest.mark.parametrize("column", ["orders.customer", "orders.paid", "orders.due"])
def test_what_is_summed_takes_nothing_else(tmp_path: Path, name: str, column: str) -> None:
    error = refused(tmp_path, f"{name}({column})")
    assert error.what.startswith(f"{name} does not take ")
    assert error.allowed == "a column or expression of type int64 float64"


def test_a_condition_is_counted_and_not_summed(tmp_path: Path) -> None:
    assert refused(tmp_path, "sum(orders.paid)").hint == "count(where=…) counts the rows where it is true"
    assert refused(tmp_path, "sum([orders.amount])").hint is None


@pytest.mark.parametrize("name", [*NUMERIC, *BINS])
@pytest.mark.parametrize(
    ("column", "hint"),
    [
        (
            "customer",
            "top_k(x, k) gives the most frequent values, distinct(x) counts them, count(where=x == …) counts one",
        ),
        ("due", "the difference of two timestamps is an int64 of milliseconds; percentile(x, p) takes timestamps"),
    ],
)
def test_what_is_no_number_is_told_what_works(tmp_path: Path, name: str, column: str, hint: str) -> None:
    assert refused(tmp_path, f"{name}(orders.{column}{', [0, 1]' if name in BINS else ''})").hint == hint


@pytest.mark.parametrize("argument", ["'amount'", "5", "[orders.amount]", "orders", "None"])
def test_an_argument_is_an_expression(tmp_path: Path, argument: str) -> None:
    error = refused(tmp_path, f"mean({argument})")
    assert error.what.startswith("mean does not take ")


@pytest.mark.parametrize("where", ["True", "'paid'", "orders.pieces", "orders.name == 'x'"])
def test_where_is_a_condition(tmp_path: Path, where: str) -> None:
    error = refused(tmp_path, f"count(where={where})")
    assert error.what == "where= is not a condition"
    assert error.allowed == "an expression of type bool"


def test_over_gives_the_windows_and_changes_nothing_else() -> None:
    feature = count(orders.a_string, where=orders.a_bool)
    over = feature.over("1h", sliding("30d", step="1h"), lifetime())
    assert [window.name for window in over.windows] == ["1h", "30d", "lifetime"]
    assert (over.aggregate, over.arg, over.where) == (Count(), feature.arg, feature.where)
    assert feature.windows == ()


def test_over_refuses_what_is_no_window(tmp_path: Path) -> None:
    assert refused(tmp_path, "count().over(60)").what == "60 is not a window"
    assert refused(tmp_path, "count().over('1h', '1 week')").what == "'1 week' is not a duration"


@pytest.mark.parametrize(
    ("name", "type", "value"),
    [
        ("count", "int64", 0), ("sum", "int64", 0), ("sum", "float64", 0.0), ("mean", "float64", None),
        ("var", "float64", None), ("std", "float64", None), ("min", "string", None), ("max", "bool", None),
        ("first", "int64", None), ("last", "timestamp", None), ("latest", "float64", None),
        ("distinct", "int64", 0), ("argmax", "string", None), ("top_k", "list<string>", ()),
    ],
)  # fmt: skip
def test_the_value_over_nothing(name: str, type: str, value: object) -> None:
    default = aggregate_of(name, {"k": 3} if name == "top_k" else {}).default(type)
    assert (default, default.__class__) == (value, value.__class__)


@pytest.mark.parametrize(
    ("p", "share"), [(50, (1, 2)), (0, (0, 1)), (100.0, (1, 1)), (99.9, (999, 1000)), ("33.333333", (33333333, 10**8))]
)
def test_a_percentage_is_taken_as_it_is_written(p: int | float | str, share: tuple[int, int]) -> None:
    assert percentile(orders.a_string, p).aggregate == Percentile(share)


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("type", TYPES)
def test_what_is_ranked_takes_every_type(name: str, type: str) -> None:
    assert GIVEN[name](orders[f"a_{type}"]).aggregate.name == name


@pytest.mark.parametrize("name", ["last_k", "first_k", "top_k"])
def test_a_list_has_its_arguments_type_and_a_length_that_rows_can_carry(tmp_path: Path, name: str) -> None:
    assert aggregate_of(name, {"k": 3}).type("timestamp") == "list<timestamp>"
    for k in ("0", "1001", "True", "2.0", "'3'"):
        error = refused(tmp_path, f"{name}(orders.amount, {k})")
        assert error.what.endswith("is not a length")
        assert error.allowed == "a whole number from 1 to 1000"


def test_edges_have_the_type_of_what_is_counted() -> None:
    assert histogram(orders.a_int64, range(0, 30, 10)).aggregate == Histogram((0, 10, 20))
    aggregate = histogram(orders.a_float64, [-0.0, 1, 2.5]).aggregate
    assert isinstance(aggregate, Histogram)
    edges = aggregate.edges
    assert [edge.hex() for edge in map(float, edges)] == [(0.0).hex(), (1.0).hex(), (2.5).hex()]
    assert all(isinstance(edge, float) for edge in edges)


@pytest.mark.parametrize(
    ("column", "edges"),
    [
        ("amount", "[1]"), ("amount", "[1, 1]"), ("amount", "[2, 1]"), ("amount", "[0, float('inf')]"),
        ("amount", "5"), ("amount", "['a', 'b']"), ("amount", "[0, 2**53 + 1]"), ("pieces", "[0, 0.5]"),
        ("pieces", "[0, 2**63]"), ("pieces", "[False, True]"), ("amount", "range(1002)"),
    ],
)  # fmt: skip
def test_what_are_no_edges_is_refused(tmp_path: Path, column: str, edges: str) -> None:
    error = refused(tmp_path, f"histogram(orders.{column}, {edges})")
    assert error.what.endswith("are not the edges of bins")
    assert error.hint == "histogram(x, [0, 10, 100]) counts [0, 10) and [10, 100)"


def test_by_is_an_expression_of_the_same_source(tmp_path: Path) -> None:
    error = refused(tmp_path, "argmax(orders.amount, by='pieces')")
    assert error.what == "argmax cannot go by str"
    assert error.hint == "argmax(x, by=y) is x of the row with the greatest y"
    view = "View('v', orders, key='customer', features=dict(x=argmin(orders.amount, by=returns.refund).over('1h')))"
    assert refused(tmp_path, view).what == "x uses refund, which is not a column of orders"


@pytest.mark.parametrize("p", ["-1", "100.1", "'a lot'", "None", "True", "float('nan')", "0.0000001", "'1/0'"])
def test_what_is_no_percentage_is_refused(tmp_path: Path, p: str) -> None:
    error = refused(tmp_path, f"percentile(orders.amount, {p})")
    assert error.what.endswith("is not a percentage")
    assert error.allowed == "a number from 0 to 100 with at most 6 decimal places"


@pytest.mark.parametrize("name", DECAYED)
def test_what_decays_is_a_number_and_has_a_half_life(tmp_path: Path, name: str) -> None:
    aggregate = DECAYED[name](orders.a_int64, "7d").aggregate
    assert aggregate == aggregate_of(name, {"half_life_ms": 7 * 86_400_000})
    assert aggregate.type("int64") == "float64"
    assert aggregate.default("float64") == (0.0 if name == "decayed_sum" else None)
    assert refused(tmp_path, f"{name}(orders.amount, 7)").what == "7 is not a duration"
    assert refused(tmp_path, f"{name}(orders.paid, '7d')").what == f"{name} does not take bool"


def test_a_histogram_of_nothing_has_all_its_bins() -> None:
    assert histogram(orders.a_int64, [0, 1, 2]).aggregate.default("list<int64>") == (0, 0)


def test_all_names_are_exported() -> None:
    assert set(features.__all__) >= {*ANY, *NUMERIC, *DECAYED, *GIVEN, *BINS}
    assert all(hasattr(features, name) for name in features.__all__)


def test_a_feature_remembers_its_line_but_is_not_told_apart_by_it() -> None:
    one = count()
    other = count()
    assert one == other == Feature(Count(), None, None)
    assert one.place != other.place
