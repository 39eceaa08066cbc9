"""Every way in which a definition can be wrong: what, file and line, what is allowed, and the nearest right thing."""

from pathlib import Path

import pytest

from penstock import Stream, Table, View, column, count, max, mean
from penstock.features.model import Model
from tests.features.written import HEAD, refused, run

VIEW = "View('v', orders, key='customer', features=dict({}))"
KEYED = "View('v', orders, key={}, features=dict(n=count().over('1h')))"
FROM = "View('v', {}, key='city', features=dict(n=count().over('1h')))"
MODEL = "Model('m', on=orders, output='answers', inputs=[{}])"


def test_the_right_ones_are_made(tmp_path: Path) -> None:
    made = run(tmp_path, "")
    assert isinstance(made["orders"], Stream)
    assert isinstance(made["weather"], Table)
    assert isinstance(made["by_customer"], View)
    assert [f.name for f in made["by_customer"].plan.features] == ["orders_1h", "orders_1d", "amount_1h"]


# --- sources -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what", "allowed"),
    [
        ("Stream('my orders', topic='o', time='ts', columns={})", "'my orders' cannot name a source", "a letter, then"),
        ("Stream('s', time='ts', columns={})", "s has no data", "topic=…, history=… or both"),
        ("Stream('s', topic='a b', time='ts', columns={})", "'a b' cannot be a topic", "a Kafka topic"),
        ("Stream('s', topic='s', time='my ts', columns={})", "'my ts' cannot name a column", "a letter, then"),
        ("Stream('s', topic='s', time='ts', columns=['a'])", "the columns of s are list", "dict(name='type', …)"),
        (
            "Stream('s', topic='s', time='ts', columns=dict(a__b='int64'))",
            "'a__b' cannot name a column",
            "a letter, then",
        ),
        ("Stream('s', topic='s', time='ts', columns=dict(seq='int64'))", "'seq' is a reserved name", "not t, seq,"),
        ("Stream('s', topic='s', time='ts', columns=dict(a='int64', A='int64'))", "s has a and A", "column names that"),
        ("Stream('s', topic='s', time='ts', columns=dict(TS='int64'))", "s has TS and ts", "column names that"),
        ("Stream('s', topic='s', time='ts', columns=dict(ts='int64'))", "the time column 'ts' is int64", "timestamp"),
        (
            "Stream('s', topic='s', time='ts', columns=dict(a='flot64'))",
            "'flot64' is not a column type",
            "int64 float64",
        ),
        ("Stream('s', topic='s', time='ts', id='di', columns=dict(id='string'))", "s (its id=) has no 'di'", "id, ts"),
        (
            "Stream('s', topic='s', time='ts', id='i', op='o', columns=dict(i='string'))",
            "s (its op=) has no 'o'",
            "i, ts",
        ),
        (
            "Stream('s', topic='s', time='ts', id='i', op='o', columns=dict(i='string', o='int64'))",
            "the op column 'o' is int64",
            "string",
        ),
        ("Stream('s', topic='s', time='ts', op='o', columns=dict(o='string'))", "s has op= and no id=", "op= with id="),
        ("Stream('s', topic='s', time='ts', columns={}, lateness='0s')", "'0s' is not a duration", "a positive whole"),
        ("Stream('s', topic='s', time='ts', columns={}, max_ahead='1w')", "'1w' is not a duration", "a positive whole"),
        ("Stream('s', topic='s', time='ts', columns={}, disorder='-1s')", "'-1s' is not a duration", "a whole number"),
        (
            "Stream('s', topic='s', time='ts', columns={}, lateness='99999999999d')",
            "99999999999d is too long",
            "at most",
        ),
        (
            "Table('s', history='s', key='k', columns=dict(k='string'))",
            "s has nothing but its key",
            "at least one more",
        ),
        (
            "Table('s', topic='s', key='k', columns=dict(k='string', x='int64'))",
            "s has no time column",
            "history= alone",
        ),
        (
            "Table('s', history='s', id='x', key='k', columns=dict(k='string', x='int64'))",
            "s has no time column",
            "history= alone",
        ),
        ("Table('s', history='s', key='q', columns=dict(k='string'))", "s (its key) has no 'q'", "k"),
        (
            "Table('s', history='s', key='k', columns=dict(k='bool', x='int64'))",
            "k cannot be a key: it is bool",
            "string int64",
        ),
    ],
)
def test_a_wrong_source_is_refused_in_its_line(tmp_path: Path, text: str, what: str, allowed: str) -> None:
    error = refused(tmp_path, text)
    assert error.what == what
    assert error.allowed is not None and error.allowed.startswith(allowed)


def test_no_disorder_is_allowed_and_no_lateness_is_not() -> None:
    stream = Stream("s", topic="s", time="ts", columns={}, disorder="0s", lateness="1ms")
    assert (stream.source_plan.disorder_ms, stream.source_plan.lateness_ms) == (0, 1)


def test_the_time_column_need_not_be_listed_and_is_never_null() -> None:
    stream = Stream("s", topic="s", time="at", columns=dict(x=column("int64", nullable=False)))
    assert [(c.name, c.type, c.nullable) for c in stream.source_plan.columns] == [
        ("x", "int64", False),
        ("at", "timestamp", False),
    ]


def test_a_time_column_may_have_a_reserved_name() -> None:
    assert Stream("s", topic="s", time="t", columns=dict(x="int64")).source_plan.time == "t"


def test_a_typo_in_an_id_is_answered_with_the_nearest(tmp_path: Path) -> None:
    text = "Stream('s', topic='s', time='ts', id='ordr_id', columns=dict(order_id='string'))"
    assert refused(tmp_path, text).hint == "did you mean 'order_id'?"


# --- views -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what", "allowed"),
    [
        (VIEW.format("n=count()"), "n has no window", "one or more"),
        (VIEW.format("n=count().over()"), "n has no window", "one or more"),
        (VIEW.format("n=5"), "n is not an aggregate", "count() sum(x)"),
        (VIEW.format("n=orders.amount"), "n is not an aggregate", "count() sum(x)"),
        (VIEW.format(""), "v has no features", "at least one"),
        (VIEW.format("_n=count().over('1h')"), "'_n' cannot name a feature", "a letter, then"),
        (VIEW.format("n_=count().over('1h')"), "'n_' cannot name a feature", "a letter, then"),
        (VIEW.format("key=count().over('1h')"), "'key' is a reserved name", "not t, seq"),
        (VIEW.format("n=count().over('1h', '1h')"), "v has n_1h twice", "names that differ"),
        (VIEW.format("n=count().over('30d', sliding('30d', step='1h'))"), "v has n_30d twice", "names that differ"),
        (VIEW.format("a=count().over('1h'), A=count().over('1h')"), "v has a_1h and A_1h", "names that differ"),
        (VIEW.format("r=mean(returns.refund).over('1h')"), "r uses refund, which is not a column", "order_id"),
        (VIEW.format("r=count(where=returns.refund > 1).over('1h')"), "r uses refund, which is not", "order_id"),
        (VIEW.format("r=mean(by_customer.amount_1h).over('1h')"), "r uses by_customer.amount_1h, which", "order_id"),
        (
            "View('v v', orders, key='customer', features=dict(n=count().over('1h')))",
            "'v v' cannot name a view",
            "a letter, then",
        ),
        (FROM.format("weather"), "v: Table weather is not a stream", "a Stream"),
        (
            FROM.format("by_customer"),
            "v is over the rows of by_customer, and which",
            "a Stream, or a union of streams, such",
        ),
        (FROM.format("[orders, returns]"), "v is over a list", "a Stream, or union(…) of several"),
        (FROM.format("'orders'"), "v: 'orders' is not a stream", "a Stream"),
        (KEYED.format("'shop', filter=True"), "filter= is not a condition", "an expression of type bool"),
        (KEYED.format("'shop', filter=orders.pieces"), "filter= is not a condition", "an expression of type bool"),
        (KEYED.format("'shop', filter=returns.refund > 1"), "v uses refund, which is not a column", "order_id"),
        (KEYED.format("'custmer'"), "orders (its key) has no 'custmer'", "order_id"),
        (KEYED.format("'amount'"), "amount cannot be a key: it is float64", "string int64"),
        (KEYED.format("'paid'"), "paid cannot be a key: it is bool", "string int64"),
        (KEYED.format("'due'"), "due cannot be a key: it is timestamp", "string int64"),
        (KEYED.format("[]"), "[] is not a key", "one or more different columns"),
        (KEYED.format("['shop', 'shop']"), "['shop', 'shop'] is not a key", "one or more different columns"),
        (KEYED.format("orders.shop"), "a key is not a name", "the name of a column"),
        (KEYED.format("[orders.shop]"), "a key is not a name", "the name of a column"),
    ],
)
def test_a_wrong_view_is_refused_in_its_line(tmp_path: Path, text: str, what: str, allowed: str) -> None:
    error = refused(tmp_path, text)
    assert error.what.startswith(what)
    assert error.allowed is not None and error.allowed.startswith(allowed)


def test_a_feature_and_its_window_may_meet_another_name(tmp_path: Path) -> None:
    run(tmp_path, VIEW.format("a_1h=count().over('5m'), a=count().over('1h')"))
    error = refused(tmp_path, VIEW.format("a_1h=count().over('5m'), a=count().over('1h'), A_1h=count().over('5m')"))
    assert error.what == "v has a_1h_5m and A_1h_5m"


def test_a_feature_must_not_be_called_like_the_key(tmp_path: Path) -> None:
    text = "s = Stream('s', topic='s', time='ts', columns=dict(K_1h='string'))\n"
    error = refused(tmp_path, text + "View('v', s, key='K_1h', features=dict(k=count().over('1h')))")
    assert error.what == "v has K_1h and k_1h"


def test_a_missing_window_is_said_where_the_feature_is_written(tmp_path: Path) -> None:
    error = refused(tmp_path, "n = count()  # here\nView('v', orders, key='shop', features=dict(n=n))")
    assert error.hint == "end it with .over('1h') or .over(lifetime())"


def test_a_column_as_a_key_is_answered_with_its_name(tmp_path: Path) -> None:
    error = refused(tmp_path, KEYED.format("orders.shop"))
    assert error.hint == "write key='shop'"


@pytest.mark.parametrize(("what", "allowed"), [("arguments", 64), ("where= conditions", 62)])
def test_a_view_has_so_many_arguments_and_conditions_at_most(what: str, allowed: int) -> None:
    names = [f"x{i}" for i in range(allowed + 1)]
    stream = Stream("s", topic="s", time="ts", columns={"k": "string", **dict.fromkeys(names, "int64")})
    some = {n: max(stream[n]) if what == "arguments" else count(where=stream[n] > 0) for n in names}
    most = {name: feature.over("1h", "1d") for name, feature in list(some.items())[:allowed]}
    assert len(View("v", stream, key="k", features=most).plan.features) == 2 * allowed
    with pytest.raises(Exception, match=f"v has {allowed + 1} different {what}") as refusal:
        View("v", stream, key="k", features={name: feature.over("1h") for name, feature in some.items()})
    assert f"at most {allowed}" in str(refusal.value)
    assert "make two views of it" in str(refusal.value)


def test_a_table_has_at_most_64_columns_beside_its_key() -> None:
    columns = {f"x{i}": "int64" for i in range(65)}
    with pytest.raises(Exception, match="s has 65 different arguments") as refusal:
        Table("s", history="s", key="k", columns={"k": "string", **columns})
    assert "make two tables of it" in str(refusal.value)


# --- names that are also attributes ------------------------------------------------------------------------


def test_columns_called_like_attributes_are_read_in_brackets() -> None:
    names = ("name", "topic", "history", "time", "id", "columns", "source_plan")
    stream = Stream("s", topic="s", time="ts", columns=dict.fromkeys(names, "string"))
    view = View("v", stream, key="name", features={n: max(stream[n]).over("1h") for n in names})
    assert [arg.expr.name for arg in view.plan.args] == list(names)
    assert (stream.name, stream.topic, stream.time, stream.id) == ("s", "s", "ts", None)


def test_columns_of_a_table_called_like_its_methods_are_read_in_brackets() -> None:
    names = ("at", "named", "plan", "source", "name", "columns")
    table = Table("tab", history="tab", key="k", columns={"k": "string", **dict.fromkeys(names, "int64")})
    assert [f.name for f in table.plan.features] == list(names)
    requests = Stream("r", topic="r", time="ts", columns=dict(k="string", j="string"))
    model = Model("m", on=requests, output="a", inputs=[table[n] for n in names] + [table.at(k="j").named("b")["at"]])
    assert [item.name for item in model.model_plan.vector] == [*(f"tab.{n}" for n in names), "b.at"]


def test_brackets_and_attributes_of_tables_and_views_are_the_same_feature(tmp_path: Path) -> None:
    made = run(tmp_path, "")
    for thing, name in ((made["weather"], "rain"), (made["by_customer"], "amount_1h")):
        assert thing[name].to_json() == getattr(thing, name).to_json()
        assert thing[name].op == "feature"


# --- models ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aggregate", "hint"),
    [
        ("last_k(orders.amount, 3)", "last(x) is one value"),
        ("top_k(orders.customer, 3)", "distinct(x) or count(where=x == …) is one value"),
        ("histogram(orders.amount, [0, 1])", "count(where=…) for each bin that matters is one value"),
    ],
)
@pytest.mark.parametrize("item", ["lists", "lists.some_1h", "lists.at(customer='order_id').some_1h"])
def test_a_model_reads_no_list(tmp_path: Path, aggregate: str, hint: str, item: str) -> None:
    view = f"lists = View('lists', orders, key='customer', features=dict(some={aggregate}.over('1h')))\n"
    error = refused(tmp_path, view + f"Model('m', on=orders, output='a', inputs=[{item}])")
    assert error.what.startswith("lists.some_1h is list<")
    assert error.allowed == "features of type int64 float64 string bool timestamp"
    assert error.hint == f"{hint}; of a view with lists name the other features one by one"


@pytest.mark.parametrize(
    ("text", "what", "allowed"),
    [
        ("Model('m', on=weather, output='a', inputs=[])", "m: on= is not a stream", "a Stream"),
        ("Model('m!', on=orders, output='a', inputs=[])", "'m!' cannot name a model", "a letter, then"),
        ("Model('m', on=orders, output=None, inputs=[])", "None cannot be an output", "a Kafka topic"),
        (
            "Model('m', on=orders, output='orders', inputs=[])",
            "m would answer its own answers",
            "an output= other than",
        ),
        (MODEL.format(""), "m has no inputs", "at least one"),
        (MODEL.format("orders"), "Stream orders is not a model input", "a column of the request stream, a view"),
        (MODEL.format("'amount'"), "'amount' is not a model input", "a column of the request stream, a view"),
        (MODEL.format("orders.amount * 2"), "an expression needs a name", "derived=dict(name=expression)"),
        (MODEL.format("returns.refund"), "refund is not a column of orders, the request stream", "order_id"),
        (MODEL.format("orders.amount, orders.amount"), "m has amount twice", "each name of the vector once"),
        (MODEL.format("by_customer, by_customer.orders_1h"), "m has by_customer.orders_1h twice", "each name of the"),
        (
            MODEL.format("by_customer.at(customer='order_id'), by_customer"),
            "by_customer is read by two different",
            "one",
        ),
        (
            MODEL.format("weather.at(city='customer'), by_customer.named('weather')"),
            "weather is read from two views",
            "one",
        ),
        (MODEL.format("weather"), "orders (to look up weather by city) has no 'city'", "order_id"),
        (MODEL.format("weather.at(town='customer')"), "the key of weather has no 'town'", "city"),
        (
            MODEL.format("weather.at(city='custmer')"),
            "orders (to look up weather by city) has no 'custmer'",
            "order_id",
        ),
        (MODEL.format("weather.at(city='shop')"), "weather is looked up by shop, which is int64", "string, as its key"),
        (
            MODEL.format("weather.at(city=orders.customer)"),
            "city of weather is not looked up by a name",
            "the name of a",
        ),
        (MODEL.format("weather.named('a b')"), "'a b' cannot name a model input", "a letter, then"),
        (
            MODEL.format("by_customer.orders_1h, by_customer.named('By_Customer').amount_1h"),
            "m (its inputs) has",
            "names",
        ),
    ],
)
def test_a_wrong_model_is_refused_in_its_line(tmp_path: Path, text: str, what: str, allowed: str) -> None:
    error = refused(tmp_path, text)
    assert error.what.startswith(what)
    assert error.allowed is not None and error.allowed.startswith(allowed)


@pytest.mark.parametrize(
    ("derived", "what"),
    [
        ("dict(x=5)", "x is not an expression"),
        ("{'x y': orders.amount}", "'x y' cannot name a derived feature"),
        ("dict(amount=orders.amount * 2)", "m has amount twice"),
        ("dict(Amount=orders.amount * 2)", "m has amount and Amount"),
        ("dict(x=returns.refund)", "refund is not a column of orders, the request stream"),
        ("dict(label=orders.pieces)", "'label' is a column that every training set has"),
        ("dict(T=orders.pieces)", "'T' is a column that every training set has"),
    ],
)
def test_a_wrong_derived_feature_is_refused_in_its_line(tmp_path: Path, derived: str, what: str) -> None:
    text = f"Model('m', on=orders, output='a', inputs=[orders.amount], derived={derived})"
    assert refused(tmp_path, text).what == what


_COLUMN = "a column of a stream, or an expression over columns of one"
_FUTURE = "an expression over features of a Future, or over columns of a stream"


@pytest.mark.parametrize(
    ("label", "what", "allowed"),
    [
        ("'refund'", "label= is not a column", _COLUMN),
        ("returns.refund * orders.amount", "label= is not a column", _COLUMN),
        ("by_customer.amount_1h", "the label of m is of by_customer, which is of the time before the request", _FUTURE),
        ("weather.rain", "the label of m is of weather, which is of the time before the request", _FUTURE),
        ("returns.reason", "the label reason is string", "a column or an expression of type int64 float64 bool"),
        ("nameless.x", "nameless and orders cannot be joined for the label", "two streams with id= of one type"),
        ("numbered.x", "numbered and orders cannot be joined for the label", "two streams with id= of one type"),
    ],
)
def test_a_wrong_label_is_refused_in_its_line(tmp_path: Path, label: str, what: str, allowed: str) -> None:
    streams = (
        "nameless = Stream('nameless', topic='x', time='ts', columns=dict(x='int64'))\n"
        "numbered = Stream('numbered', topic='x', time='ts', id='n', columns=dict(x='int64', n='int64'))\n"
    )
    text = f"{streams}Model('m', on=orders, output='a', inputs=[orders.amount], label={label})"
    error = refused(tmp_path, text)
    assert (error.what, error.allowed) == (what, allowed)


def test_a_column_given_to_at_is_answered_with_its_name(tmp_path: Path) -> None:
    assert refused(tmp_path, MODEL.format("weather.at(city=orders.customer)")).hint == "write at(city='customer')"


def test_a_view_is_read_twice_under_two_names(tmp_path: Path) -> None:
    text = """model = Model("m", on=orders, output="a", label=returns.refund, inputs=[
    orders.amount, by_customer, by_customer.at(customer="order_id").named("by_order").orders_1h, shops.size],
    derived=dict(more=by_customer.orders_1h / by_customer.at(customer="order_id").named("by_order").orders_1d))
"""
    plan = run(tmp_path, text)["model"].model_plan
    assert [(item.name, item.type) for item in plan.vector] == [
        ("amount", "float64"),
        ("by_customer.orders_1h", "int64"),
        ("by_customer.orders_1d", "int64"),
        ("by_customer.amount_1h", "float64"),
        ("by_order.orders_1h", "int64"),
        ("shops.size", "int64"),
        ("more", "float64"),
    ]
    assert [(item.name, item.view, item.key) for item in plan.inputs] == [
        ("by_customer", "by_customer", (("customer", "customer"),)),
        ("by_order", "by_customer", (("customer", "order_id"),)),
        ("shops", "shops", (("shop", "shop"),)),
    ]
    assert plan.label is not None and (plan.label.source, plan.label.column) == ("returns", "refund")


def test_a_model_may_learn_from_its_own_stream_and_needs_no_id_for_it() -> None:
    stream = Stream("s", topic="s", time="ts", columns=dict(x="float64", y="float64"))
    model = Model("m", on=stream, output="a", inputs=[stream.x], label=stream.y)
    assert model.label_source is stream
    assert Model("m", on=stream, output="a", inputs=[stream.x]).label_source is None


def test_every_definition_of_the_head_can_be_read(tmp_path: Path) -> None:
    assert run(tmp_path, "")["by_customer"].plan.source.id == "order_id"
    assert mean.__name__ in HEAD


# --- streams whose events change ---------------------------------------------------------------------------

CHANGING = "changing = Stream('changing', topic='c', time='ts', id='i', op='o', columns=dict(i='string', o='string'))\n"


def test_a_lifetime_over_events_that_change_is_refused_with_what_works(tmp_path: Path) -> None:
    text = "View('v', changing, key='i', features=dict(n=count().over('1h', lifetime())))"
    error = refused(tmp_path, CHANGING + text)
    assert error.what == "n is over a lifetime, and the events of changing change"
    assert error.hint == "sliding('36500d') keeps every event of a century"


def test_a_model_cannot_answer_events_that_change(tmp_path: Path) -> None:
    error = refused(tmp_path, CHANGING + "Model('m', on=changing, inputs=[changing.ts], output='m')")
    assert error.what == "m answers the events of changing, which change"
    assert error.hint == "define a second Stream of the inserts"
