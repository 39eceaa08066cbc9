package penstock.window;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.flink.api.common.typeinfo.BasicTypeInfo;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.streaming.api.operators.KeyedProcessOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import org.apache.flink.streaming.util.OneInputStreamOperatorTestHarness;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import penstock.Plans;
import penstock.parity.Harnesses;
import penstock.route.Event;
import penstock.route.EventKey;
import penstock.route.EventSerializer;

/** Change points in order: the same rows, however events come and watermarks go. */
class ChangePointsTest {
    private static final int DISORDER = 12;
    private static final int MOST = 120;

    private static String plan() {
        String[] windows = {
            Plans.sliding(10, 0), Plans.sliding(40, 7), Plans.window("session", 6, 0, 0, 0), Plans.lifetime(),
        };
        List<String> features = new ArrayList<>();
        for (int w = 0; w < windows.length; w++) {
            features.add(Plans.feature("n" + w, "count", null, null, w, "int64"));
            features.add(Plans.feature("s" + w, "sum", 0, null, w, "int64"));
            features.add(Plans.feature("l" + w, "last", 0, null, w, "int64"));
        }
        return Plans.view(Plans.source(null, 1_000), String.join(",", windows), String.join(",", features));
    }

    private static List<Event> events(Random random) {
        List<Event> events = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            Event event = new Event();
            event.key = "{\"k\":\"" + "ab".charAt(random.nextInt(2)) + "\"}";
            event.time = random.nextInt(MOST);
            event.nulls = 6;
            event.bits = new long[] {random.nextInt(9), 0, 0};
            event.texts = new String[3];
            events.add(event);
        }
        return events;
    }

    private static List<Event> byTime(List<Event> events) {
        List<Event> sorted = new ArrayList<>(events);
        sorted.sort(Comparator.comparingLong(event -> event.time));
        return sorted;
    }

    /** Key and time → the values of the last row: those of the watermark that goes by one millisecond. */
    private static Map<String, String> stepwise(String plan, List<Event> events) throws Exception {
        Map<String, String> last = new HashMap<>();
        List<Event> sorted = byTime(events);
        try (Harness harness = new Harness(plan, new HashMapStateBackend())) {
            int next = 0;
            for (long t = 0; t <= 2 * MOST; t++) {
                for (; next < sorted.size() && sorted.get(next).time == t; next++) {
                    take(harness.event(sorted.get(next)), last);
                }
                take(harness.watermark(t), last);
            }
        }
        return last;
    }

    private static void take(List<String> rows, Map<String, String> last) {
        for (String row : rows) {
            last.put(row.substring(0, row.indexOf(",\"seq\":")), row.substring(row.indexOf(",\"values\":")));
        }
    }

    /** Both operators, one behind the other; restored once amid the events. */
    private static final class Ordered implements AutoCloseable {
        private final String plan;
        private final StateBackend backend;
        private KeyedOneInputStreamOperatorTestHarness<String, Event, Event> order;
        private KeyedOneInputStreamOperatorTestHarness<String, Event, FeatureRow> windows;
        final List<String> rows = new ArrayList<>();

        Ordered(String plan, StateBackend backend) throws Exception {
            this.plan = plan;
            this.backend = backend;
            start(null, null);
        }

        private void start(OperatorSubtaskState ordered, OperatorSubtaskState kept) throws Exception {
            order = new KeyedOneInputStreamOperatorTestHarness<>(
                    new KeyedProcessOperator<>(new InOrder(plan)), new EventKey(), BasicTypeInfo.STRING_TYPE_INFO);
            order.setStateBackend(backend);
            order.setup(new EventSerializer(plan));
            if (ordered != null) {
                order.initializeState(ordered);
            }
            order.open();
            windows = Harnesses.open(new WindowOperator(plan, true), backend, kept);
        }

        void restore() throws Exception {
            OperatorSubtaskState ordered = order.snapshot(1, 1);
            OperatorSubtaskState kept = windows.snapshot(1, 1);
            close();
            start(ordered, kept);
        }

        void event(Event event) throws Exception {
            order.processElement(new StreamRecord<>(event, event.time));
            pass();
        }

        void watermark(long time) throws Exception {
            order.processWatermark(new Watermark(time));
            pass();
            windows.processWatermark(new Watermark(time));
            drain();
        }

        private void pass() throws Exception {
            for (Event event : order.extractOutputValues()) {
                windows.processElement(new StreamRecord<>(event, event.time));
            }
            order.getOutput().clear();
            drain();
        }

        private void drain() {
            windows.extractOutputValues().forEach(row -> rows.add(new String(row.value(), StandardCharsets.UTF_8)));
            windows.getOutput().clear();
        }

        @Override
        public void close() throws Exception {
            order.close();
            windows.close();
        }
    }

    @ParameterizedTest
    @CsvSource({"heap, 100", "rocksdb, 10"})
    void rowsAreThoseOfAllChangePoints(String backend, int rounds) throws Exception {
        String plan = plan();
        for (int seed : Soak.seeds(rounds)) {
            Random random = new Random(seed);
            List<Event> events = events(random);
            Map<Event, Long> arrives = new HashMap<>();
            events.forEach(event -> arrives.put(event, event.time + random.nextInt(DISORDER)));
            events.sort(Comparator.comparingLong(arrives::get));
            Map<String, String> found = new LinkedHashMap<>();
            StateBackend kept = backend.equals("heap") ? new HashMapStateBackend() : new EmbeddedRocksDBStateBackend();
            try (Ordered ordered = new Ordered(plan, kept)) {
                long greatest = Long.MIN_VALUE;
                int restored = random.nextInt(events.size());
                for (int i = 0; i < events.size(); i++) {
                    ordered.event(events.get(i));
                    greatest = Math.max(greatest, events.get(i).time);
                    if (i == restored) {
                        ordered.restore();
                    }
                    if (random.nextInt(4) == 0) {
                        ordered.watermark(greatest - DISORDER - 1);
                    }
                }
                ordered.watermark(2 * MOST);
                take(ordered.rows, found);
            }
            assertEquals(stepwise(plan, events), found, "seed " + seed);
        }
    }

    @Test
    void aWatermarkIsMarkedInEachPartitionBehindItsRows() throws Exception {
        try (var harness = new OneInputStreamOperatorTestHarness<>(new Progress(2), new FeatureRowSerializer())) {
            harness.setup(new FeatureRowSerializer());
            harness.open();
            FeatureRow row = new FeatureRow(new byte[] {'{', '}'}, new byte[] {'{', '}'}, 0, 7, 9);
            harness.processElement(new StreamRecord<>(row));
            harness.processWatermark(new Watermark(Long.MIN_VALUE));
            harness.processWatermark(new Watermark(5));
            List<FeatureRow> rows = harness.extractOutputValues();
            assertEquals(row, rows.get(0));
            assertEquals(List.of(0, 1), rows.stream().skip(1).map(FeatureRow::partition).toList());
            for (FeatureRow mark : rows.subList(1, 3)) {
                assertEquals("\"progress of writer 0 of 1\"", new String(mark.key(), StandardCharsets.UTF_8));
                assertEquals("{\"progress\":5,\"writer\":0,\"of\":1}", new String(mark.value(), StandardCharsets.UTF_8));
            }
            assertEquals(List.of(false, true, true), rows.stream().map(Mark::is).toList());
        }
    }
}
