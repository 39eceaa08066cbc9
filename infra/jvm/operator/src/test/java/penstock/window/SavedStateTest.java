package penstock.window;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.streaming.util.OperatorSnapshotUtil;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import penstock.plan.Op;
import penstock.plan.PlanReader;
import penstock.route.Event;

/**
 * State that an earlier jar wrote goes on in this one. The plans and the states in {@code saved/} hold every kind of
 * window and aggregate and are never changed ({@code steps} keeps steps alone, {@code divided} steps beside the events of
 * shorter windows); {@code PENSTOCK_WRITE_STATE=1} writes states that are missing.
 */
class SavedStateTest {
    private static final Path SAVED = Path.of("src/test/resources/saved");
    private static final int BEFORE = 300;
    private static final int AFTER = 200;

    @ParameterizedTest
    @ValueSource(strings = {"plain", "changing", "union", "decayed", "steps", "divided"})
    void stateOfAnEarlierJarGoesOn(String name) throws Exception {
        String plan = plan(name);
        List<Event> events = events(name, plan);
        List<String> expected;
        try (Harness whole = new Harness(plan, new HashMapStateBackend())) {
            play(whole, events.subList(0, BEFORE));
            write(name, whole);
            expected = rest(whole, events);
        }
        OperatorSubtaskState state = OperatorSnapshotUtil.readStateHandle(file(name).toString());
        try (Harness later = new Harness(plan, new HashMapStateBackend(), state)) {
            assertEquals(expected, rest(later, events));
        }
    }

    /** Events go on while a checkpoint is written, key by key and state by state. */
    @ParameterizedTest
    @ValueSource(strings = {"plain", "changing", "union", "decayed", "steps", "divided"})
    void aCheckpointHoldsWhatWasThereWhenItBegan(String name) throws Exception {
        String plan = plan(name);
        List<Event> events = events(name, plan);
        try (Harness later = new Harness(plan, new HashMapStateBackend())) {
            for (int bytes = 1_000; bytes <= 45_000; bytes += Soak.step(1_500)) {
                List<String> expected = new ArrayList<>();
                try (Harness whole = new Harness(plan, new HashMapStateBackend())) {
                    play(whole, events.subList(0, BEFORE));
                    later.restore(whole.snapshot(bytes, () -> expected.addAll(rest(whole, events))));
                }
                assertEquals(expected, rest(later, events), "after " + bytes + " bytes");
            }
        }
    }

    private static List<String> rest(Harness harness, List<Event> events) throws Exception {
        long watermark = events.get(BEFORE - 1).time;
        List<String> rows = harness.watermark(watermark);
        rows.addAll(play(harness, events.subList(BEFORE, events.size()), watermark));
        rows.addAll(harness.watermark(100_000));
        return rows;
    }

    private static String plan(String name) throws IOException {
        return Files.readString(SAVED.resolve(name + ".plan.json"));
    }

    private static List<Event> events(String name, String plan) throws IOException {
        List<Event> events = events(name.equals("changing"), name.equals("union") ? 2 : 1);
        if (!PlanReader.read(plan).hasIds()) {
            events.forEach(event -> event.id = null);
        }
        return events;
    }

    private static Path file(String name) {
        return SAVED.resolve(name + ".state");
    }

    private static void write(String name, Harness harness) throws Exception {
        if (!Files.exists(file(name)) && "1".equals(System.getenv("PENSTOCK_WRITE_STATE"))) {
            OperatorSnapshotUtil.writeStateHandle(harness.snapshot(), file(name).toString());
        }
    }

    private static List<String> play(Harness harness, List<Event> events) throws Exception {
        return play(harness, events, Long.MIN_VALUE);
    }

    /** @param reached the watermark before them */
    private static List<String> play(Harness harness, List<Event> events, long reached) throws Exception {
        List<String> rows = new ArrayList<>();
        long watermark = reached;
        for (Event event : events) {
            rows.addAll(harness.event(event));
            if (event.time - 5 > watermark) {
                watermark = event.time - 5;
                rows.addAll(harness.watermark(watermark));
            }
        }
        return rows;
    }

    /** Always the same ones: of three keys, some late, some again, some with nulls. */
    private static List<Event> events(boolean changing, int sources) throws IOException {
        Random random = new Random(11);
        List<Event> events = new ArrayList<>();
        long time = 1000;
        for (int i = 0; i < BEFORE + AFTER; i++) {
            time += random.nextInt(7);
            Event event = event(random, time, i);
            event.source = i % sources;
            if (random.nextInt(4) == 0 && i > 0) {
                Event known = events.get(Math.max(0, i - 1 - random.nextInt(8)));
                event.key = known.key;
                event.time = known.time;
                event.id = known.id;
                event.op = changing ? Op.values()[random.nextInt(3)] : Op.INSERT;
                event.gone = event.op == Op.DELETE;
            }
            events.add(event);
        }
        return events;
    }

    private static Event event(Random random, long time, int i) {
        Event event = new Event();
        event.key = "{\"k\":\"" + "abc".charAt(random.nextInt(3)) + "\"}";
        event.time = time - (random.nextInt(3) == 0 ? random.nextInt(40) : 0);
        event.id = "id" + i;
        event.offset = i;
        event.nulls = random.nextInt(4) == 0 ? 1L << random.nextInt(3) : 0;
        event.wheres = random.nextInt(2);
        double x = Math.rint(random.nextDouble() * 1000) / 100;
        event.bits = new long[] {random.nextInt(20) - 10, Double.doubleToRawLongBits(x), 0};
        event.texts = new String[] {null, null, "text " + random.nextInt(6)};
        return event;
    }
}
