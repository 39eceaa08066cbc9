package penstock.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import penstock.Plans;
import penstock.plan.Op;
import penstock.plan.PlanReader;
import penstock.plan.View;
import penstock.route.Event;

class WindowOperatorTest {
    private static final String KEY = "{\"k\":\"a\"}";
    private static final String[] AGGREGATES = {"count", "sum", "min", "max", "first", "last"};
    /** What further aggregates are given beside their argument. */
    private static final Map<String, String> GIVEN = Map.of(
            "distinct", "",
            "percentile", ",\"parameters\":{\"share\":[1,2]}",
            "argmax", ",\"by\":0",
            "argmin", ",\"by\":0",
            "first_k", ",\"parameters\":{\"k\":2}",
            "last_k", ",\"parameters\":{\"k\":3}",
            "top_k", ",\"parameters\":{\"k\":4}",
            "histogram", ",\"parameters\":{\"edges\":[-5,0,7]}");

    private static StateBackend backend(String name) {
        return name.equals("heap") ? new HashMapStateBackend() : new EmbeddedRocksDBStateBackend();
    }

    private static Event event(long time, String id, Long n, boolean b) {
        Event event = new Event();
        event.key = KEY;
        event.time = time;
        event.id = id;
        event.nulls = n == null ? 7 : 6;
        event.wheres = b ? 1 : 0;
        event.bits = new long[] {n == null ? 0 : n, 0, 0};
        event.texts = new String[3];
        return event;
    }

    private static Event event(long time, long n) {
        return event(time, null, n, true);
    }

    /** These aggregates of n, with and without the condition, over each window. */
    private static String plan(Collection<String> aggregates, String id, long lateness, String... windows) {
        List<String> features = new ArrayList<>();
        for (int w = 0; w < windows.length; w++) {
            for (String aggregate : aggregates) {
                for (Integer where : new Integer[] {null, 0}) {
                    String name = aggregate + w + (where == null ? "" : "_b");
                    String feature = Plans.feature(name, aggregate, 0, where, w, "int64");
                    features.add(feature.substring(0, feature.length() - 1) + GIVEN.getOrDefault(aggregate, "") + "}");
                }
            }
        }
        return Plans.view(Plans.source(id, lateness), String.join(",", windows), String.join(",", features));
    }

    private static String sum(String aggregate, String type, int arg, String... windows) {
        String feature = Plans.feature("f", aggregate, arg, null, 0, type);
        return Plans.view(Plans.source(null, 0), String.join(",", windows), feature);
    }

    private static String row(long t, long seq, String value) {
        return "{\"key\":" + KEY + ",\"t\":" + t + ",\"seq\":" + seq + ",\"values\":{\"f\":" + value + "}}";
    }

    @ParameterizedTest
    @CsvSource({"heap, 400", "rocksdb, 25"})
    void rowsEqualTheNaiveModel(String backend, int rounds) throws Exception {
        for (int seed : Soak.seeds(rounds)) {
            compare(List.of(AGGREGATES), new Random(seed), backend);
            compare(GIVEN.keySet(), new Random(seed), backend);
        }
    }

    private static void compare(Collection<String> aggregates, Random random, String backend) throws Exception {
        String id = random.nextBoolean() ? "id" : null;
        String[][] choices = {
            {Plans.sliding(10, 0)},
            {Plans.sliding(3, 0), Plans.sliding(40, 0)},
            {Plans.sliding(10, 7), Plans.sliding(12, 0)},
            {Plans.sliding(40, 3)},
            {Plans.sliding(60, 10), Plans.lifetime(), Plans.sliding(200, 4)},
            {Plans.lifetime()},
            {Plans.sliding(5, 5), Plans.lifetime(), Plans.sliding(300, 0)},
            {Plans.window("sliding", 10, 0, 5, 0), Plans.window("sliding", 10, 4, 13, 0)},
            {Plans.window("hopping", 9, 4, 0, 0), Plans.sliding(20, 0)},
            {Plans.window("calendar", 12, 0, 0, 5), Plans.window("hopping", 30, 30, 0, 0)},
            {Plans.window("session", 3, 0, 0, 0)},
            {Plans.window("session", 2, 0, 0, 0), Plans.window("session", 9, 0, 0, 0), Plans.sliding(90, 0)},
            {Plans.window("session", 4, 0, 0, 0), Plans.lifetime()},
            {Plans.sliding(3, 0), Plans.sliding(40, 4), Plans.sliding(90, 6)},
            {Plans.sliding(25, 5), Plans.window("sliding", 10, 0, 5, 0), Plans.lifetime(), Plans.sliding(200, 20)},
            {Plans.window("session", 4, 0, 0, 0), Plans.sliding(120, 7), Plans.window("hopping", 9, 4, 0, 0)},
        };
        String plan = plan(aggregates, id, random.nextInt(60), choices[random.nextInt(choices.length)]);
        compare(plan, random, backend, event -> event);
    }

    @ParameterizedTest
    @CsvSource({"heap, 400", "rocksdb, 25"})
    void rowsOfEventsThatChangeEqualTheNaiveModel(String backend, int rounds) throws Exception {
        String[][] choices = {
            {Plans.sliding(1, 0)},
            {Plans.sliding(10, 0)},
            {Plans.sliding(3, 0), Plans.sliding(40, 0)},
            {Plans.sliding(20, 15), Plans.window("sliding", 10, 4, 13, 0)},
            {Plans.window("sliding", 10, 0, 25, 0)},
            {Plans.window("hopping", 9, 4, 0, 0), Plans.window("calendar", 60, 0, 0, 5)},
            {Plans.window("session", 9, 0, 0, 0)},
            {Plans.window("session", 20, 0, 0, 0), Plans.sliding(30, 0)},
        };
        // 80 and 185: deleted events that were forgotten too early, and heads that passed late ones behind them
        for (int seed : Soak.seeds(rounds, 80, 185)) {
            Random random = new Random(seed);
            String[] windows = choices[random.nextInt(choices.length)];
            // with a chance of deletes alone, time passes for long in which a key's clock stays
            int mostly = random.nextInt(3);
            Collection<String> aggregates = seed % 2 == 0 ? List.of(AGGREGATES) : GIVEN.keySet();
            compare(plan(aggregates, "id", random.nextInt(60), windows), random, backend, event -> {
                boolean named = event.id != null;
                event.op = named ? Op.values()[random.nextInt(4) < mostly ? 2 : random.nextInt(3)] : Op.INSERT;
                event.gone = event.op == Op.DELETE || random.nextInt(10) == 0;
                return event;
            });
        }
    }

    private static void compare(String plan, Random random, String backend, UnaryOperator<Event> changed)
            throws Exception {
        View view = PlanReader.read(plan);
        NaiveModel model = new NaiveModel(view);
        // some runs long enough for chunks to fill and split
        int steps = random.nextInt(8) == 0 ? 400 : 60;
        long time = -50;
        long watermark = Long.MIN_VALUE;
        boolean reached = false;
        try (Harness harness = new Harness(plan, backend(backend))) {
            for (int i = 0; i < steps; i++) {
                int kind = random.nextInt(20);
                if (kind == 0) {
                    harness.restore();
                    if (!reached) {
                        // no element since its start: it cannot know the watermark, until a source emits it again
                        assertEquals(model.watermark(KEY, watermark), harness.watermark(watermark));
                    }
                    reached = false;
                } else if (kind < 3) {
                    // an earlier one later on means nothing
                    watermark = Math.max(watermark, time + random.nextInt(30) - 15);
                    assertEquals(model.watermark(KEY, watermark), harness.watermark(watermark));
                } else {
                    time += random.nextInt(3);
                    Event event = changed.apply(anEvent(random, time, view.hasIds()));
                    assertEquals(model.event(event), harness.event(event));
                    reached = true;
                }
            }
            assertEquals(model.watermark(KEY, time + 1000), harness.watermark(time + 1000));
        }
    }

    private static Event anEvent(Random random, long time, boolean ids) {
        long late = random.nextInt(3) == 0 ? random.nextInt(60) : 0;
        String id = ids && random.nextInt(5) > 0 ? "id" + random.nextInt(8) : null;
        Long n = random.nextInt(6) == 0 ? null : (long) random.nextInt(20) - 10;
        return event(time - late, id, n, random.nextBoolean());
    }

    @Test
    void aWindowThatEmptiesIsExactlyNothing() throws Exception {
        try (Harness harness = new Harness(sum("sum", "float64", 1, Plans.sliding(10, 0)), backend("heap"))) {
            Event event = event(0, 0);
            event.nulls = 5;
            event.bits[1] = Double.doubleToRawLongBits(0.1);
            assertEquals(List.of(row(0, 1, "0.1")), harness.event(event));
            assertEquals(List.of(row(10, 2, "0.0")), harness.watermark(10));
            assertEquals(List.of(), harness.watermark(1000));
            assertEquals(0, harness.timers());
        }
    }

    @Test
    void aSumBeyondInt64IsNullAndCounted() throws Exception {
        try (Harness harness = new Harness(sum("sum", "int64", 0, Plans.sliding(10, 0)), backend("heap"))) {
            harness.event(event(0, Long.MAX_VALUE));
            assertEquals(List.of(row(1, 2, "null")), harness.event(event(1, 1)));
            assertEquals(List.of(row(10, 3, "1"), row(11, 4, "0")), harness.watermark(50));
            assertEquals(1, harness.operator.count("sum_overflow"));
        }
    }

    @Test
    void aKeyHasOneTimerWhateverItsEvents() throws Exception {
        try (Harness harness = new Harness(plan(List.of(AGGREGATES), null, 0, Plans.sliding(10, 0), Plans.sliding(99, 0)), backend("heap"))) {
            for (int i = 0; i < 500; i++) {
                harness.event(event(i * 3L, i));
                assertEquals(1, harness.timers());
            }
        }
    }

    @Test
    void aSteppedWindowKeepsStepsHoweverManyEventsTheyHave() throws Exception {
        String plan = plan(List.of(AGGREGATES), null, 0, Plans.sliding(3200, 100), Plans.lifetime());
        for (int events : new int[] {1, 500}) {
            try (Harness harness = new Harness(plan, backend("heap"))) {
                for (int step = 0; step < 200; step++) {
                    for (int i = 0; i < events; i++) {
                        harness.event(event(step * 100L + 1 + i % 100, i));
                    }
                }
                // the header and the chunks of 33 steps
                assertTrue(harness.stateEntries() <= 1 + 33 / 16 + 2, "entries " + harness.stateEntries());
                harness.watermark(1_000_000);
                assertEquals(1, harness.stateEntries());
            }
        }
    }

    @Test
    void aLongSteppedWindowKeepsStepsBesideTheEventsOfShorterOnes() throws Exception {
        String plan = plan(List.of(AGGREGATES), null, 0, Plans.sliding(100, 0), Plans.sliding(3200, 100), Plans.lifetime());
        for (int events : new int[] {1, 500}) {
            try (Harness harness = new Harness(plan, backend("heap"))) {
                for (int step = 0; step < 200; step++) {
                    for (int i = 0; i < events; i++) {
                        harness.event(event(step * 100L + 1 + i * 100L / events, i));
                    }
                }
                // the header, the chunks of 33 steps and those of the events of the last 100 ms
                int most = 1 + 33 / 16 + 2 + events / EventLog.CHUNK + 2;
                assertTrue(harness.stateEntries() <= most, "entries " + harness.stateEntries());
                harness.watermark(1_000_000);
                assertEquals(1, harness.stateEntries());
            }
        }
    }

    /** Has a key steps beside events, where there is a window with steps of 3200 ms? */
    private static boolean isMixed(String aggregate, String id, String other) {
        String features = Plans.feature("a", "count", null, null, 0, "int64") + ","
                + Plans.feature("b", aggregate, 0, null, 1, "int64");
        String plan = Plans.view(Plans.source(id, 5000), other + "," + Plans.sliding(3200, 100), features);
        return new Layout(PlanReader.read(plan)).isMixed();
    }

    @Test
    void stepsAreKeptWhereTheySpareEvents() {
        assertTrue(isMixed("count", null, Plans.sliding(100, 0)));
        assertTrue(isMixed("first", null, Plans.window("hopping", 200, 50, 0, 0)));
        // events are kept for as long anyhow
        assertFalse(isMixed("count", null, Plans.sliding(3300, 0)));
        assertFalse(isMixed("count", null, Plans.window("session", 1, 0, 0, 0)));
        assertFalse(isMixed("count", "id", Plans.sliding(100, 0)));
        assertFalse(isMixed("distinct", null, Plans.sliding(100, 0)));
        // there are no events to keep
        assertFalse(isMixed("count", null, Plans.lifetime()));
    }

    @Test
    void eventsThatNoWindowReachesAreDropped() throws Exception {
        try (Harness harness = new Harness(plan(List.of(AGGREGATES), "id", 0, Plans.sliding(1000, 0)), backend("heap"))) {
            int most = 0;
            for (int i = 0; i < 5_000; i++) {
                harness.event(event(i * 10L, "e" + i, 1L, true));
                harness.watermark(i * 10L - 1);
                most = Math.max(most, harness.stateEntries());
            }
            // the header and the chunks of 100 events
            assertTrue(most <= 1 + 100 / EventLog.CHUNK + 2, "entries " + most);
            harness.watermark(1_000_000);
            assertEquals(1, harness.stateEntries());
        }
    }

    @Test
    void whatThePartitionsBehindCanBringIsKeptUntilTheWatermarkHasPassed() throws Exception {
        String plan = plan(List.of("count"), "id", 5, Plans.sliding(10, 0), Plans.lifetime());
        try (Harness harness = new Harness(plan, backend("heap"))) {
            for (int i = 0; i < 1_000; i++) {
                harness.event(event(i * 100L, "e" + i, 1L, true));
            }
            long before = harness.stateSize();
            harness.event(event(300, "e3", 1L, true));
            harness.event(event(50, "late", 1L, true));
            assertEquals(1, harness.operator.count("duplicate"));
            assertEquals(1_001, harness.operator.count("applied"));
            harness.watermark(99_899);
            harness.restore();
            harness.event(event(99_000, "too late", 1L, true));
            harness.event(event(99_900, "in order", 1L, true));
            assertEquals(1, harness.operator.count("too_late"));
            assertTrue(harness.stateSize() < before / 3, harness.stateSize() + " of " + before);
        }
    }

    private static Event deleted(long time, String id) {
        Event event = event(time, id, null, true);
        event.op = Op.DELETE;
        event.gone = true;
        return event;
    }

    @Test
    void aDeleteIsRememberedAtTheKeysClockWhateverTheWatermark() throws Exception {
        try (Harness harness = new Harness(plan(List.of("count"), "id", 1, Plans.sliding(1, 0)), backend("heap"))) {
            harness.event(deleted(-60, "p"));
            assertEquals(List.of(), harness.watermark(0));
            assertEquals(List.of(), harness.event(event(-60, "p", 1L, true)));
            assertEquals(1, harness.operator.count("duplicate"));
        }
    }

    @Test
    void deletedEventsAreDroppedOnceTheKeysClockHasPassedThem() throws Exception {
        try (Harness harness = new Harness(plan(List.of("count"), "id", 0, Plans.sliding(1000, 0)), backend("heap"))) {
            for (int i = 0; i < 5_000; i++) {
                harness.event(deleted(i * 10L, "e" + i));
                // those of the last second are remembered, whether or not time has passed them
                harness.watermark(i % 3 == 0 ? i * 10L + 2000 : Long.MIN_VALUE);
                int most = 1 + 100 / EventLog.CHUNK + 2;
                assertTrue(harness.stateEntries() <= most, "entries " + harness.stateEntries());
            }
            harness.event(event(1_000_000, "q", 1L, true));
            assertEquals(2, harness.stateEntries());
            harness.watermark(2_000_000);
            assertEquals(1, harness.stateEntries());
            assertEquals(0, harness.timers());
        }
    }

    @Test
    void countsSurviveARestart() throws Exception {
        try (Harness harness = new Harness(plan(List.of(AGGREGATES), "id", 0, Plans.sliding(10, 0)), backend("heap"))) {
            harness.event(event(100, "a", 1L, true));
            harness.watermark(99);
            harness.restore();
            harness.event(event(100, "a", 1L, true));
            harness.event(event(1, "b", 1L, true));
            harness.restore();
            assertEquals(1, harness.operator.count("applied"));
            assertEquals(1, harness.operator.count("duplicate"));
            assertEquals(1, harness.operator.count("too_late"));
        }
    }

    @Test
    void rowsEmittedAgainAfterAFailureWinAtTheSameTime() throws Exception {
        try (Harness harness = new Harness(sum("count", "int64", 0, Plans.sliding(10, 0)), backend("heap"))) {
            harness.event(event(0, 1));
            var checkpoint = harness.snapshot();
            // lost with the failure: a change point that fires, and the first of two events
            harness.watermark(12);
            assertEquals(List.of(row(20, 3, "1")), harness.event(event(20, 1)));
            harness.restore(checkpoint);
            harness.wallClock(Numbering.BEGINNING + 7_000);
            long floor = 7 * Numbering.PER_SECOND;
            assertEquals(List.of(row(20, floor + 1, "1")), harness.event(event(20, 1)));
            assertEquals(List.of(row(20, floor + 2, "2")), harness.event(event(20, 1)));
        }
    }

    @Test
    void rowsEmittedAgainWinThoughTheWallClockHasGoneBack() throws Exception {
        try (Harness harness = new Harness(sum("count", "int64", 0, Plans.sliding(10, 0)), backend("heap"))) {
            harness.event(event(0, 1));
            harness.restore();
            harness.wallClock(Numbering.BEGINNING + 86_400_000);
            long ahead = 86_400 * Numbering.PER_SECOND;
            assertEquals(List.of(row(1, ahead + 1, "2")), harness.event(event(1, 1)));
            var checkpoint = harness.snapshot();
            assertEquals(List.of(row(1, ahead + 2, "3")), harness.event(event(1, 1)));
            harness.restore(checkpoint);
            harness.wallClock(Numbering.BEGINNING + 7_000);
            // a checkpoint before the first row keeps the floor, too
            harness.restore();
            harness.wallClock(Numbering.BEGINNING + 8_000);
            assertEquals(List.of(row(1, ahead + Numbering.PER_SECOND + 1, "3")), harness.event(event(1, 1)));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"heap", "rocksdb"})
    void stateOfAnotherPlanIsRefused(String backend) throws Exception {
        String plan = plan(List.of(AGGREGATES), "id", 0, Plans.sliding(10, 0));
        try (Harness harness = new Harness(plan, backend(backend))) {
            harness.event(event(100, "a", 1L, true));
            var state = harness.snapshot();
            String other = plan(List.of(AGGREGATES), "id", 0, Plans.sliding(11, 0));
            assertThrows(Exception.class, () -> {
                try (Harness changed = new Harness(other, backend(backend), state)) {
                    changed.event(event(101, "b", 1L, true));
                }
            });
        }
    }

    @Test
    void theLastWatermarkEndsOnceAllIsEmpty() throws Exception {
        try (Harness harness = new Harness(sum("count", "int64", 0, Plans.sliding(10, 0)), backend("heap"))) {
            harness.event(event(0, 1));
            assertEquals(List.of(row(10, 2, "0")), harness.watermark(Long.MAX_VALUE));
        }
    }
}
