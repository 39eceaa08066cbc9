"""The numbers are added up by hand from the fields of the Java classes; ``StateSizesTest`` holds the table to them."""

from penstock import (
    Stream,
    Table,
    View,
    argmax,
    count,
    decayed_mean,
    distinct,
    first,
    first_k,
    histogram,
    hopping,
    last_k,
    lifetime,
    max,
    mean,
    percentile,
    session,
    skew,
    sliding,
    std,
    sum,
    top_k,
)
from penstock.features.aggregates import AGGREGATES
from penstock.features.compilers.flink.state_size import KEPT, TEXT_BYTES, StateSize, StepsSize, state_size
from penstock.features.durations import UNITS_MS

STREAM = Stream("s", topic="s", time="ts", columns=dict(k="string", x="float64", text="string"))
NAMED = Stream("n", topic="n", time="ts", id="k", lateness="2h", columns=dict(k="string", x="float64"))
H = UNITS_MS["h"]
KEY, HEAD, EVENT, LOG = 64, 20, 24, 16


def size(stream: Stream, **features: object) -> StateSize:
    return state_size(View("v", stream, key="k", features=features).plan)


def test_java_knows_the_aggregates_of_python() -> None:
    assert set(KEPT) == set(AGGREGATES)


def test_a_count_keeps_a_number_and_its_events() -> None:
    assert size(STREAM, n=count().over("1h")) == StateSize(KEY + HEAD + 8, EVENT, EVENT, H)


def test_the_longest_window_counts_and_each_has_its_own_accumulator() -> None:
    assert size(STREAM, n=count().over("1h", "30d")) == StateSize(KEY + 2 * HEAD + 16, EVENT, EVENT, 30 * 24 * H)


def test_where_all_leave_on_a_grid_steps_are_kept_and_not_events() -> None:
    month, day = sliding("30d", step="1h"), sliding("1d", step="90m")
    reach, grid = (30 * 24 + 1) * H, H // 2
    found = size(STREAM, m=mean(STREAM.x).over(month, day), n=count().over(month, lifetime()))
    steps = StepsSize(EVENT + 24 + 8, EVENT + 24 + 8, reach, grid)
    assert found == StateSize(KEY + 2 * HEAD + 2 * 24 + 2 * 8, 0, 0, None, steps)
    found = size(
        STREAM, first=first(STREAM.x).over(month), most=max(STREAM.x).over(month), d=distinct(STREAM.x).over(lifetime())
    )
    assert found.steps == StepsSize(EVENT + 17, EVENT + 17 + 16, (30 * 24 + 1) * H, H)


def test_steps_of_a_long_window_are_kept_beside_the_events_of_shorter_ones() -> None:
    month = sliding("30d", step="1h")
    found = size(STREAM, m=max(STREAM.x).over("1h", month), s=sum(STREAM.x).over("1h", month))
    steps = StepsSize(EVENT + 24, EVENT + 24 + 16, (30 * 24 + 1) * H, H)
    assert found == StateSize(KEY + LOG + 2 * HEAD + 2 * 24, EVENT + 8, EVENT + 8 + 16, H, steps)
    found = size(STREAM, n=count().over(month), d=distinct(STREAM.x).over(sliding("1d", step="1h")))
    assert (found.alive_ms, found.steps) == (25 * H, StepsSize(EVENT + 8, EVENT + 8, (30 * 24 + 1) * H, H))


def test_events_are_kept_for_ids_for_what_has_no_partial_and_where_they_are_needed_as_long() -> None:
    month = sliding("30d", step="1h")
    assert size(NAMED, n=count().over(month)).steps is None
    assert size(STREAM, n=count().over(month), d=distinct(STREAM.x).over(month)).steps is None
    assert size(STREAM, n=count().over(sliding("30d", step="1h", delay="1m"))).steps is None
    assert size(STREAM, n=count().over("31d", month)).steps is None
    assert size(STREAM, n=count().over(session("1h"), sliding("1d", step="1h"))).steps is None


def test_features_of_one_argument_share_sums_and_the_argument() -> None:
    found = size(STREAM, s=sum(STREAM.x).over("1h"), m=mean(STREAM.x).over("1h"), d=std(STREAM.x).over("1h"))
    assert found == StateSize(KEY + HEAD + 8 + 16 + 24, EVENT + 8, EVENT + 8, H)


def test_an_extreme_may_keep_every_event_as_a_candidate() -> None:
    assert size(STREAM, m=max(STREAM.x).over("1h")) == StateSize(KEY + HEAD, EVENT + 8, EVENT + 8 + 16, H)
    text = size(STREAM, m=max(STREAM.text).over("1h"))
    assert (text.per_event, text.most_per_event) == (EVENT + TEXT_BYTES, EVENT + TEXT_BYTES + 8 + TEXT_BYTES)


def test_a_first_keeps_one_value() -> None:
    assert size(STREAM, f=first(STREAM.x).over("1h")).fixed == KEY + HEAD + 1 + 8 + 8


def test_a_lifetime_keeps_no_event_unless_it_must_know_repeats() -> None:
    assert size(STREAM, m=max(STREAM.x).over(lifetime())) == StateSize(KEY + 17, 0, 0, None)
    assert size(NAMED, n=count().over(lifetime())) == StateSize(
        KEY + HEAD + 8, EVENT + TEXT_BYTES, EVENT + TEXT_BYTES, 2 * H
    )


def test_a_window_that_waits_has_two_heads_and_a_session_is_kept_for_the_lateness() -> None:
    assert size(STREAM, n=count().over(hopping("2h", step="1h"))) == StateSize(KEY + 2 * HEAD + 8, EVENT, EVENT, 3 * H)
    lateness = STREAM.source_plan.lateness_ms
    assert size(STREAM, n=count().over(session("1h"))) == StateSize(KEY + 2 * HEAD + 8, EVENT, EVENT, H + lateness)


def test_ranked_values_are_kept_once_with_their_counts_and_shared() -> None:
    found = size(STREAM, d=distinct(STREAM.x).over("1h"), p=percentile(STREAM.x, 95).over("1h"))
    assert found == StateSize(KEY + HEAD + 16, EVENT + 8, EVENT + 8 + 16, H)
    top = size(STREAM, top=top_k(STREAM.x, 3).over("1h"))
    assert top == StateSize(KEY + HEAD + 16, EVENT + 8, EVENT + 8 + 2 * 16, H)


def test_lists_and_bins_have_a_bounded_state() -> None:
    assert size(STREAM, k=last_k(STREAM.x, 5).over("1h")).fixed == KEY + HEAD + 5 * 16
    # as many again, so that a search for the next ones is rare
    assert size(STREAM, k=first_k(STREAM.x, 5).over("1h")).fixed == KEY + HEAD + 2 * 5 * 16
    assert size(STREAM, h=histogram(STREAM.x, [0, 1, 2]).over("1h")).fixed == KEY + HEAD + 2 * 8
    assert size(STREAM, s=skew(STREAM.x).over("1h")).fixed == KEY + HEAD + 8 + 16 + 24 + 24 + 32


def test_what_decays_keeps_a_sum_and_a_head_for_each_half_life() -> None:
    found = size(STREAM, d=decayed_mean(STREAM.x, "1h").over("3h"), m=mean(STREAM.x).over("2h"))
    assert found == StateSize(KEY + 3 * HEAD + 3 * (8 + 16), EVENT + 8, EVENT + 8, 3 * H)


def test_a_pick_is_kept_with_what_it_goes_by() -> None:
    found = size(STREAM, a=argmax(STREAM.text, by=STREAM.x).over("1h"))
    assert found.most_per_event - found.per_event == 8 + TEXT_BYTES + 8


def test_a_table_keeps_its_latest_row_once() -> None:
    table = Table("t", topic="t", time="ts", key="k", columns=dict(k="string", x="float64", y="int64"))
    assert state_size(table.plan) == StateSize(KEY + 1 + 8 + 8 + 2 * 8, 0, 0, None)
