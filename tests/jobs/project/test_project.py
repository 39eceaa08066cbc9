from pathlib import Path
from typing import Any

import pytest

from penstock.features.errors import DefinitionError, UsageError
from penstock.jobs.project.config import FILE
from penstock.jobs.project.project import load_project, read_definitions

EXAMPLE = Path(__file__).parents[3] / "feature_repo"
STREAM = """from penstock import Model, Stream, Table, View, count

orders = Stream("orders", topic="shop.orders", history="orders/*.parquet", time="ts", id="order_id",
                columns=dict(order_id="string", customer="string", amount="float64"))
"""


def definitions(folder: Path, text: str) -> Path:
    file = folder / "definitions.py"
    file.write_text(STREAM + text)
    return file


def made(folder: Path, text: str) -> Any:
    return read_definitions(definitions(folder, text))


def refused(folder: Path, text: str, where: str) -> DefinitionError:
    file = definitions(folder, text)
    with pytest.raises(DefinitionError) as raised:
        read_definitions(file)
    assert raised.value.where == where.format(file=file)
    return raised.value


def project(folder: Path, text: str) -> Any:
    (folder / FILE).write_text('project = "shop"\nstate = "state"\ndata = "lake"\n')
    definitions(folder, text)
    return load_project(folder)


def test_the_example_has_its_streams_views_and_model() -> None:
    example = load_project(EXAMPLE)
    assert list(example.streams) == [
        "departures", "arrivals", "weather", "planes", "airports",
    ]  # fmt: skip
    assert list(example.views) == [
        "weather", "planes", "airports", "origin_traffic", "dest_arrivals", "carrier_month", "route_month",
        "plane_flown", "plane_day",
    ]  # fmt: skip
    assert list(example.models) == ["arrival_delay", "late_arrival"]
    assert {type(name) for named in (example.streams, example.views, example.streamed) for name in named} == {str}
    assert example.plans["weather"].fingerprint == example.view("weather").plan.fingerprint


def test_views_are_grouped_by_the_stream_that_feeds_them() -> None:
    streamed = load_project(EXAMPLE).streamed
    assert {source: [plan.name for plan in plans] for source, plans in streamed.items()} == {
        "departures": ["origin_traffic", "carrier_month", "plane_day"],
        "arrivals": ["dest_arrivals", "route_month", "plane_flown"],
        "weather": ["weather"],
    }


UNION = """visits = Stream("visits", topic="visits", history="v", time="ts", columns=dict(customer="string"))
old, older = (Stream(n, history=n, time="ts", columns=dict(customer="string")) for n in ("old", "older"))
features = dict(n=count().over("1h"))
alone = View("alone", orders, key="customer", features=features)
both = View("both", union(visits, orders), key="customer", features=features)
past = View("past", union(old, older), key="customer", features=features)
"""


def test_the_view_of_a_union_stands_under_each_of_its_streams(tmp_path: Path) -> None:
    shop = project(tmp_path, "from penstock import union\n" + UNION)
    assert list(shop.streams) == ["orders", "visits", "old", "older"]
    names = {source: [plan.name for plan in plans] for source, plans in shop.streamed.items()}
    assert names == {"orders": ["alone", "both"], "visits": ["both"]}
    assert [plan.name for plan in shop.streamed_views] == ["alone", "both"]
    assert {name: Path(glob).name for name, glob in shop.histories("past").items()} == {"old": "old", "older": "older"}


def test_paths_and_topics_of_a_project(tmp_path: Path) -> None:
    shop = project(tmp_path, 'v = View("v", orders, key="customer", features=dict(n=count().over("1h")))')
    assert shop.history("orders") == str(tmp_path / "lake" / "orders/*.parquet")
    assert shop.change_points("v") == tmp_path / "state" / "backfill" / "v"
    assert shop.topic("orders") == "shop.orders"
    assert type(shop.topic("orders")) is str


def test_a_stream_without_history_says_so(tmp_path: Path) -> None:
    shop = project(tmp_path, 'live = Stream("live", topic="live", time="ts", columns={})')
    with pytest.raises(UsageError, match="live has no history") as raised:
        shop.history("live")
    assert raised.value.hint == "give it history='…/*.parquet'"


@pytest.mark.parametrize(("kind", "name", "near"), [("view", "customr", "customer"), ("model", "modle", "model")])
def test_an_unknown_name_is_answered_with_the_nearest(tmp_path: Path, kind: str, name: str, near: str) -> None:
    text = """customer = View("customer", orders, key="customer", features=dict(n=count().over("1h")))
model = Model("model", on=orders, output="answers", inputs=[customer])
"""
    shop = project(tmp_path, text)
    with pytest.raises(UsageError, match=f"there is no {kind} '{name}'") as raised:
        getattr(shop, kind)(name)
    assert (raised.value.allowed, raised.value.hint) == (near, f"did you mean '{near}'?")
    assert raised.value.where == str(tmp_path / "definitions.py")


def test_what_a_model_refers_to_needs_no_name_in_the_file(tmp_path: Path) -> None:
    text = """def model():
    returns = Stream("returns", topic="returns", time="ts", id="order_id", columns=dict(order_id="string", x="float64"))
    view = View("v", orders, key="customer", features=dict(n=count().over("1h")))
    table = Table("shops", history="shops", key="customer", columns=dict(customer="string", size="int64"))
    return Model("m", on=orders, output="answers", inputs=[view, table.size], label=returns.x)


m = model()
"""
    streams, views, models = made(tmp_path, text)
    assert set(streams) == {"orders", "returns", "shops"}
    assert set(views) == {"v", "shops"}
    assert set(models) == {"m"}


def test_one_definition_may_have_two_names_in_the_file(tmp_path: Path) -> None:
    streams, _, _ = made(tmp_path, "same = orders\n")
    assert list(streams) == ["orders"]


@pytest.mark.parametrize("name", ["v", "V"])
def test_two_views_of_one_name_are_refused_whatever_its_case(tmp_path: Path, name: str) -> None:
    view = '{} = View("{}", orders, key="customer", features=dict(n=count().over("1h")))\n'
    error = refused(tmp_path, view.format("a", "v") + view.format("b", name), "{file}")
    assert error.what == f"two definitions are named '{name}'"
    assert error.allowed == "each name once, whatever its case"


def test_two_streams_of_one_name_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, 'again = Stream("orders", topic="o", time="ts", columns={})', "{file}")
    assert error.what == "two definitions are named 'orders'"


def test_a_wrong_definition_keeps_its_line(tmp_path: Path) -> None:
    assert refused(tmp_path, "\norders.amuont\n", "{file}:6").hint == "did you mean 'amount'?"


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero", 5),
        ("orders.amount @ 2\n", "TypeError: unsupported operand type(s) for @", 5),
        ("\nimport no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'", 6),
        ("def f():\n    return undefined\n\n\nf()\n", "NameError: name 'undefined' is not defined", 6),
        ("x = (\n", "SyntaxError: '(' was never closed", 5),
    ],
)
def test_any_other_mistake_in_the_file_has_its_line_too(tmp_path: Path, text: str, what: str, line: int) -> None:
    assert refused(tmp_path, text, f"{{file}}:{line}").what.startswith(what)


def test_a_missing_definitions_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no definitions file here") as raised:
        read_definitions(tmp_path / "definitions.py")
    assert raised.value.where == str(tmp_path / "definitions.py")


def test_an_empty_file_is_an_empty_project(tmp_path: Path) -> None:
    (tmp_path / "definitions.py").write_text("")
    assert read_definitions(tmp_path / "definitions.py") == ({}, {}, {})
