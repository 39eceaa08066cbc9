"""The writer between a real broker and a real store; single batches as plain records."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from penstock.features.canonical import canonical_json
from penstock.features.errors import PenstockError, RefusedError
from penstock.features.plan import ViewPlan
from penstock.jobs.kafka import whole
from penstock.jobs.kafka.clients import consumer, ensure_topics, producer
from penstock.jobs.kafka.kafka_python import Record
from penstock.jobs.project.project import Project
from penstock.jobs.store.open import open_store
from penstock.jobs.store.schema import schema_of
from penstock.jobs.streaming.writer import Writer, WriterCounts, newest, reader
from tests.jobs.disturbed import add_partitions, delete_before
from tests.kafka_broker import Kafka
from tests.projects import make_project, unique

DEFINITIONS = """
from penstock import Stream, View, count, last, sum
orders = Stream("orders", topic="orders", time="ts",
    columns=dict(shop="string", city="int64", amount="float64", paid="bool", placed="timestamp"))
{view} = View("{view}", orders, key=["shop", "city"], features=dict(
    orders=count().over("1h"), amount=sum(orders.amount).over("1h"), shop=last(orders.shop).over("1h"),
    paid=last(orders.paid).over("1h"), placed=last(orders.placed).over("1h")))
"""

Values = tuple[Any, ...]
VALUES: Values = (3, 0.1 + 0.2, "é", True, 1_234)
NOTHING: Values = (0, 0.0, None, None, None)


@pytest.fixture(params=["kafka-python", "confluent"])
def project(kafka: Kafka, tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """With each Kafka client."""
    text, client = DEFINITIONS.format(view=unique("spent")), f'client = "{request.param}"'
    made = make_project(tmp_path, text, servers=kafka.servers, kafka=client)
    ensure_topics(made.config, [topic_of(made)])
    return made


@pytest.fixture
def plan(tmp_path: Path) -> ViewPlan:
    return plan_of(make_project(tmp_path, DEFINITIONS.format(view="spent")))


def plan_of(project: Project) -> ViewPlan:
    (plan,) = project.plans.values()
    return plan


def topic_of(project: Project) -> str:
    return project.names.features(plan_of(project).name)


def key_of(shop: str, city: int) -> dict[str, Any]:
    return {"shop": shop, "city": city}


def row(plan: ViewPlan, key: dict[str, Any], t: int, seq: int, values: Values = VALUES) -> bytes:
    """As the job writes it."""
    named = dict(zip([feature.name for feature in plan.features], values, strict=True))
    return orjson.dumps({"key": key, "t": t, "seq": seq, "values": named})


def record(plan: ViewPlan, value: bytes | None, key: bytes = b"k", fingerprint: str | None = None) -> Record:
    headers = [("fingerprint", (fingerprint or plan.fingerprint).encode())]
    return Record("tested.features.spent", 0, 7, -1, key, value, headers)


def send(
    project: Project, rows: Sequence[tuple[dict[str, Any], int, int, Values]], *, transaction: str | None = None
) -> None:
    plan = plan_of(project)
    options = {"transactional_id": transaction} if transaction else {}
    with producer(project.config, **options) as sender:
        if transaction:
            sender.init_transactions()
            sender.begin_transaction()
        for key, t, seq, values in rows:
            headers = [("fingerprint", plan.fingerprint.encode()), ("topic", b"orders")]
            sender.send(topic_of(project), row(plan, key, t, seq, values), canonical_json(key).encode(), headers)
        if transaction:
            sender.commit_transaction()


def write(project: Project, *, batch: int = 20_000, accept_loss: bool = False) -> WriterCounts:
    """Runs a writer until it has come to the end of the topic."""
    with open_store(project.folder) as store, reader(project) as rows:
        writer = Writer(project, rows, store, batch=batch, accept_loss=accept_loss)
        ends = rows.end_offsets(list(rows.assignment()))
        while committed(project) != sum(ends.values()):
            writer.step()
        return writer.counts


def committed(project: Project) -> int:
    with consumer(project.config, None, group_id=project.names.writer_group) as asking:
        return sum(asking.committed(place) or 0 for place in asking.places(topic_of(project)))


def stored(project: Project, keys: list[tuple[Any, ...]]) -> list[tuple[int, int, Values] | None]:
    with open_store(project.folder) as store:
        (columns,) = store.read_rows([(schema_of(plan_of(project)), keys)])
    rows = zip(*(column.values.tolist() for column in columns.features), strict=True)
    nulls = zip(*(column.null.tolist() for column in columns.features), strict=True)
    cells = [
        tuple(None if null else value for value, null in zip(*pair, strict=True))
        for pair in zip(rows, nulls, strict=True)
    ]
    clocks = zip(columns.t.tolist(), columns.seq.tolist(), cells, columns.present.tolist(), strict=True)
    return [(t, seq, values) if there else None for t, seq, values, there in clocks]


# --- one batch -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_the_newest_row_of_each_key_is_kept_whatever_the_order(plan: ViewPlan, order: tuple[int, ...]) -> None:
    clocks = [(5, 9), (6, 1), (6, 2), (-7, 10)]
    records = [record(plan, row(plan, key_of("a", 1), *clocks[i]), b"a") for i in order]
    records.insert(2, record(plan, row(plan, key_of("b", 1), 0, 1, NOTHING), b"b"))
    found = {kept.key: kept for kept in newest(plan, records).rows}
    assert found.keys() == {("a", 1), ("b", 1)}
    assert (found["a", 1].t, found["a", 1].seq, found["a", 1].values) == (6, 2, VALUES)
    assert found["b", 1].values == NOTHING


def test_an_empty_batch(plan: ViewPlan) -> None:
    assert newest(plan, []) == ([], [])


def test_a_key_that_looks_like_a_clock_is_a_key(plan: ViewPlan) -> None:
    key = key_of('x","t":99,"seq":98,"values":{', 2)
    (kept,) = newest(plan, [record(plan, row(plan, key, 5, 1)), record(plan, row(plan, key, 4, 100))]).rows
    assert kept == (tuple(key.values()), 5, 1, VALUES)


def test_rows_written_with_spaces_and_in_another_order_are_read_too(plan: ViewPlan) -> None:
    old, new = (json.loads(row(plan, key_of("a", 1), t, 1)) for t in (4, 5))
    spaced = json.dumps(dict(reversed(new.items())), indent=1).encode()
    (kept,) = newest(plan, [record(plan, spaced), record(plan, json.dumps(old).encode())]).rows
    assert kept == (("a", 1), 5, 1, VALUES)


def test_rows_of_another_definition_are_refused(plan: ViewPlan) -> None:
    with pytest.raises(RefusedError, match="made by another definition: abc") as caught:
        newest(plan, [record(plan, row(plan, key_of("a", 1), 5, 1), fingerprint="abc")])
    assert caught.value.allowed == plan.fingerprint
    assert caught.value.where == "tested.features.spent-0 offset 7"


def test_rows_without_a_fingerprint_are_refused(plan: ViewPlan) -> None:
    bare = record(plan, row(plan, key_of("a", 1), 5, 1))._replace(headers=[])
    with pytest.raises(RefusedError, match="no fingerprint"):
        newest(plan, [bare])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"{", "not JSON"),
        (b'{"key":{},"t":5,"seq":1,"values":', "not JSON"),
        (b'{"key":{},"t":5,"seq":1,"values":{}}', "lacks a part: 'shop'"),
        (b'{"key":{"shop":"a","city":1},"t":5,"seq":1,"values":{}}', "lacks a part: 'orders_1h'"),
        (b"[]", "lacks its t or seq"),
        (b'{"t":5,"seq":"1"}', "lacks its t or seq"),
    ],
)
def test_what_is_no_row_is_said_with_its_place(plan: ViewPlan, value: bytes | None, message: str) -> None:
    with pytest.raises(PenstockError, match=message) as caught:
        newest(plan, [record(plan, value)])
    assert caught.value.where == "tested.features.spent-0 offset 7"


@pytest.mark.parametrize("nothing", [None, b""])
@pytest.mark.parametrize(("after", "expected"), [((), []), ((4,), [4]), ((4, 3), [4])])
def test_a_tombstone_erases_what_came_before_it_and_nothing_later(
    plan: ViewPlan, nothing: bytes | None, after: tuple[int, ...], expected: list[int]
) -> None:
    ann, other = canonical_json(key_of("ann", 1)).encode(), canonical_json(key_of("bob", 1)).encode()
    before = [record(plan, row(plan, key_of("ann", 1), t, 1), ann) for t in (5, 6)]
    later = [record(plan, row(plan, key_of("ann", 1), t, 1), ann) for t in after]
    bare = record(plan, nothing, ann)._replace(headers=[])
    bob = record(plan, row(plan, key_of("bob", 1), 9, 1), other)
    rows, erased = newest(plan, [*before, bob, bare, bare, *later])
    assert erased == [("ann", 1)]
    assert sorted(kept.t for kept in rows) == [*expected, 9]


@pytest.mark.parametrize(
    "key",
    [
        None,
        b"ann",
        b"{}",
        b'["ann",1]',
        b'{"city": 1, "shop": "ann"}',
        b'{"shop":"ann","city":1}',
        b'{"city":true,"shop":"ann"}',
        b'{"city":1.0,"shop":"ann"}',
        b'{"city":"1","shop":"ann"}',
        b'{"city":null,"shop":"ann"}',
        b'{"city":9223372036854775808,"shop":"ann"}',
        b'{"city":1,"shop":"ann","x":1}',
        b'{"city":1,"shop":"\xff"}',
    ],
)
def test_a_tombstone_of_no_key_erases_nothing_and_the_log_says_so(
    plan: ViewPlan, key: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert newest(plan, [record(plan, None)._replace(key=key)]) == ([], [])
    assert "a tombstone erases nothing" in caplog.text and "(city: int64, shop: string)" in caplog.text


# --- from Kafka to the store -----------------------------------------------------------------------------------------


def test_rows_come_into_the_store_once_and_offsets_are_committed(project: Project) -> None:
    send(project, [(key_of("a", city), t, 1, VALUES) for t in range(10) for city in range(3)])
    counts = write(project)
    assert (counts.read, counts.by_view) == (30, {plan_of(project).name: 30})
    assert counts.kept == counts.applied
    assert stored(project, [("a", city) for city in range(4)]) == [(9, 1, VALUES)] * 3 + [None]
    assert committed(project) == 30
    assert write(project).read == 0


def test_a_later_batch_with_older_rows_changes_nothing(project: Project) -> None:
    send(project, [(key_of("a", 1), 50, 7, VALUES)])
    write(project)
    send(project, [(key_of("a", 1), 50, 6, NOTHING), (key_of("a", 1), 49, 8, NOTHING)])
    counts = write(project, batch=1)
    assert (counts.read, counts.applied, counts.batches) == (2, 0, 2)
    assert stored(project, [("a", 1)]) == [(50, 7, VALUES)]


def test_a_writer_that_ended_before_its_commit_does_its_work_again(project: Project) -> None:
    send(project, [(key_of("a", 1), t, 1, VALUES) for t in range(5)])
    with open_store(project.folder) as store, reader(project) as rows:
        writer = Writer(project, rows, store)
        writer._commit = lambda: None  # type: ignore[method-assign]
        while not writer.step():
            pass
    assert committed(project) == 0
    counts = write(project)
    assert (counts.read, counts.applied) == (5, 0)
    assert stored(project, [("a", 1)]) == [(4, 1, VALUES)]


def test_positions_that_move_without_a_record_are_committed(project: Project) -> None:
    send(project, [(key_of("a", 1), 5, 1, VALUES)], transaction=unique("marks"))
    assert write(project).read == 1
    assert committed(project) == 2  # the row, and the end mark of its transaction


def erase(project: Project, key: dict[str, Any]) -> None:
    """As a user does: no header, and the key as the topic has it."""
    with producer(project.config) as sender:
        sender.send(topic_of(project), None, canonical_json(key).encode(), [])


def test_a_tombstone_erases_its_key_from_the_store(project: Project) -> None:
    send(project, [(key_of(shop, 1), 50, 7, VALUES) for shop in ("a", "b")])
    erase(project, key_of("a", 1))
    counts = write(project)
    assert (counts.read, counts.erased, counts.applied) == (3, 1, 1)
    assert stored(project, [("a", 1), ("b", 1)]) == [None, (50, 7, VALUES)]
    # of an earlier time and a lower number: the key is new
    send(project, [(key_of("a", 1), 40, 1, NOTHING)])
    assert write(project).applied == 1
    assert stored(project, [("a", 1)]) == [(40, 1, NOTHING)]
    erase(project, key_of("a", 1))
    erase(project, {"who": "knows"})
    assert write(project, batch=1).erased == 1
    assert stored(project, [("a", 1)]) == [None]


@pytest.mark.parametrize("batch", [1, 20_000])
def test_rows_that_are_read_again_do_not_bring_an_erased_key_back(project: Project, batch: int) -> None:
    send(project, [(key_of("a", 1), 50, 7, VALUES)])
    erase(project, key_of("a", 1))
    with open_store(project.folder) as store, reader(project) as rows:
        writer = Writer(project, rows, store)
        writer._commit = lambda: None  # type: ignore[method-assign]
        while writer.counts.read < 2:
            writer.step()
    assert stored(project, [("a", 1)]) == [None]
    assert committed(project) == 0
    assert write(project, batch=batch).erased == 1
    assert stored(project, [("a", 1)]) == [None]


def test_two_writers_at_once_do_no_harm(project: Project) -> None:
    send(project, [(key_of("a", city % 5), city, 1, VALUES) for city in range(2_000)])
    with (
        open_store(project.folder) as store,
        open_store(project.folder) as other_store,
        reader(project) as rows,
        reader(project) as other_rows,
    ):
        writers = [Writer(project, rows, store, batch=100), Writer(project, other_rows, other_store, batch=70)]
        for writer in writers:
            writer.step(0)  # each has taken its place before the other commits
        while any([writer.step() for writer in writers]) or committed(project) < 2_000:
            pass
    assert stored(project, [("a", city) for city in range(5)]) == [(1_995 + city, 1, VALUES) for city in range(5)]


def test_rows_that_are_gone_before_they_were_read_are_refused_unless_their_loss_is_accepted(project: Project) -> None:
    send(project, [(key_of("a", city), 5, 1, VALUES) for city in range(4)])
    write(project)
    send(project, [(key_of("a", city), 6, 1, VALUES) for city in range(4)])
    delete_before(project.config, topic_of(project), {0: 7}, policy="compact,delete")
    with pytest.raises(RefusedError, match=r"3 offsets of .* no longer exist before they were read \(4 to 6\)"):
        write(project)
    assert write(project, accept_loss=True).lost == 3
    assert stored(project, [("a", 2), ("a", 3)]) == [(5, 1, VALUES), (6, 1, VALUES)]


def test_rows_that_were_gone_before_a_writer_first_began_are_refused_too(project: Project) -> None:
    send(project, [(key_of("a", city), 5, 1, VALUES) for city in range(4)])
    delete_before(project.config, topic_of(project), {0: 1}, policy="compact,delete")
    with pytest.raises(RefusedError, match=r"1 offsets of .* \(0 to 0\)"):
        write(project)


def test_partitions_that_are_added_are_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "LOOK_S", 0.1)
    send(project, [(key_of("a", 1), 5, 1, VALUES)])
    with open_store(project.folder) as store, reader(project) as rows:
        writer = Writer(project, rows, store)
        while not writer.step():
            pass
        add_partitions(project.config, topic_of(project), 5)
        send(project, [(key_of("a", city), 6, 1, VALUES) for city in range(30)])
        deadline = time.monotonic() + 30
        while writer.counts.read < 31 and time.monotonic() < deadline:
            writer.step()
    assert stored(project, [("a", city) for city in range(30)]) == [(6, 1, VALUES)] * 30


def test_it_runs_until_it_is_told_to_stop(project: Project) -> None:
    stop = threading.Event()
    seen: list[int] = []

    def progress(counts: WriterCounts) -> None:
        seen.append(counts.read)
        stop.set()

    with open_store(project.folder) as store, reader(project) as rows:
        writer = Writer(project, rows, store)
        send(project, [(key_of("a", 1), 5, 1, VALUES)])
        writer.run(stop, progress)
    assert seen == [1]
    assert committed(project) == 1
