import random

from penstock import Table
from penstock.jobs.parity.events import arrival
from penstock.jobs.parity.orders import orders
from penstock.jobs.parity.run import greatest_delay
from tests.jobs.parity.shop import SOURCE, came, many


def test_the_order_of_arrival_comes_first() -> None:
    given = many(20)
    found = orders(given, 2, 0)
    assert [order.name for order in found] == ["as they came", "shuffle 1", "shuffle 2"]
    assert found[0].arrivals is given


def test_a_shuffled_order_has_all_events_and_stays_within_the_disorder() -> None:
    given = many(300)
    _, _, one, two = orders(random.Random(1).sample(given, 300), 2, 0)
    for shuffled in (one.arrivals, two.arrivals):
        assert sorted(event.index for event in shuffled) == list(range(300))
        assert 0 < greatest_delay(shuffled) <= SOURCE.disorder_ms
    assert one.arrivals != two.arrivals


def test_the_order_of_time_is_added_where_it_is_another_one() -> None:
    given = came((5, "a", 1.0), (9, "a", 1.0), b"{", (5, "b", 1.0), (3, "a", 1.0))
    found = orders(given, 0, 0)
    assert [order.name for order in found] == ["as they came", "by time"]
    assert [event.index for event in found[1].arrivals] == [4, 0, 3, 1, 2]


def test_equal_seeds_give_equal_orders() -> None:
    given = many(50)
    assert orders(given, 1, 7) == orders(given, 1, 7)
    assert orders(given, 1, 7) != orders(given, 1, 8)


def test_events_that_cannot_be_read_are_kept() -> None:
    given = came((0, "a", 1.0), b"{", (90_000, "a", 2.0), b"[]")
    shuffled = orders(given, 1, 0)[1].arrivals
    assert [event.index for event in shuffled if event.index in (0, 2)] == [0, 2]
    assert {event.index for event in shuffled} == {0, 1, 2, 3}


def test_rows_that_hold_for_all_time_come_in_any_order() -> None:
    shops = Table("shops", history="shops", key="shop", columns=dict(shop="int64", size="int64")).source_plan
    given = [arrival(shops, i, b'{"shop": %d, "size": 1}' % i) for i in range(30)]
    shuffled = orders(given, 1, 0)[1].arrivals
    assert [event.index for event in shuffled] != list(range(30))
    assert sorted(event.index for event in shuffled) == list(range(30))
