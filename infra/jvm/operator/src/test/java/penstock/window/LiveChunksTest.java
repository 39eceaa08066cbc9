package penstock.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.state.KeyedStateBackend;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.runtime.state.memory.MemCheckpointStreamFactory;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import penstock.Plans;
import penstock.parity.Harnesses;
import penstock.route.Event;

/** {@link ChunkCache} changes chunks in place that Flink's heap backend has handed out: what it rests on, and its switch. */
class LiveChunksTest {
    /** The version whose {@code CopyOnWriteStateMap} and {@code HeapMapState} were read for it. */
    private static final String FLINK = "2.3.0";

    private static final String SWITCH = "penstock.live-chunks";
    private static final String KEY = "{\"k\":\"a\"}";
    private static final String PLAN = Plans.view(
            Plans.source("id", 20),
            Plans.sliding(40, 0) + "," + Plans.sliding(7, 0),
            Plans.feature("n", "count", null, 0, 0, "int64") + "," + Plans.feature("most", "max", 0, null, 1, "int64"));

    @AfterEach
    void switchOn() {
        System.clearProperty(SWITCH);
    }

    @Test
    void flinkIsTheVersionThatWasRead() {
        assertEquals(
                FLINK,
                EnvironmentInformation.getVersion(),
                "read CopyOnWriteStateMap again: does a get hand out the object that the map keeps, and a copy of it once a"
                        + " checkpoint has begun? If not, " + SWITCH + " must be off; if so, name the new version here");
    }

    @Test
    void theBackendHandsOutWhatItKeepsUntilACheckpointBegins() throws Exception {
        try (var harness = open()) {
            play(harness, 0, 1);
            MapState<Long, Chunk> chunks = chunks(harness);
            Chunk kept = chunks.get(1L);
            assertSame(kept, chunks.get(1L));
            assertSame(kept, state(harness).logs[0].lastChunk);
            // begun, and not written yet
            var begun = harness.getOperator()
                    .snapshotState(
                            1,
                            1,
                            CheckpointOptions.forCheckpointWithDefaultLocation(),
                            new MemCheckpointStreamFactory(1 << 20));
            play(harness, 1, 2);
            assertNotSame(kept, chunks(harness).get(1L));
            assertEquals(1, kept.size);
            begun.cancel();
        }
    }

    @Test
    void theSwitchTurnsItOffAndTheRowsStay() throws Exception {
        List<String> on = rows();
        System.setProperty(SWITCH, "false");
        assertEquals(on, rows());
    }

    private static List<String> rows() throws Exception {
        boolean isOff = "false".equals(System.getProperty(SWITCH));
        List<String> rows = new ArrayList<>();
        try (var harness = open()) {
            for (int part = 0; part < 5; part++) {
                play(harness, 200 * part, 200 * (part + 1));
                KeyState.Chunks ends = state(harness).logs[0];
                if (isOff) {
                    assertNull(ends.lastChunk);
                } else {
                    assertNotNull(ends.lastChunk);
                }
                harness.snapshot(part, part);
            }
            harness.extractOutputValues().forEach(row -> rows.add(new String(row.value())));
        }
        return rows;
    }

    private static KeyedOneInputStreamOperatorTestHarness<String, Event, FeatureRow> open() throws Exception {
        return Harnesses.open(new WindowOperator(PLAN), new HashMapStateBackend(), null);
    }

    private static void play(
            KeyedOneInputStreamOperatorTestHarness<String, Event, FeatureRow> harness, int from, int to)
            throws Exception {
        for (int i = from; i < to; i++) {
            Random random = new Random(i);
            Event event = new Event();
            event.key = KEY;
            event.time = i - random.nextInt(10);
            event.id = "id" + i;
            event.offset = i;
            event.wheres = random.nextInt(2);
            event.bits = new long[] {random.nextInt(100), 0, 0};
            event.texts = new String[] {null, null, "text"};
            harness.processElement(new StreamRecord<>(event, event.time));
        }
    }

    private static KeyedStateBackend<String> backend(
            KeyedOneInputStreamOperatorTestHarness<String, Event, FeatureRow> harness) {
        KeyedStateBackend<String> backend = harness.getOperator().getKeyedStateBackend();
        backend.setCurrentKey(KEY);
        return backend;
    }

    private static KeyState state(KeyedOneInputStreamOperatorTestHarness<String, Event, FeatureRow> harness)
            throws Exception {
        ValueState<KeyState> state = backend(harness)
                .getPartitionedState(
                        VoidNamespace.INSTANCE,
                        VoidNamespaceSerializer.INSTANCE,
                        new ValueStateDescriptor<>("key", new KeyStateSerializer(PLAN)));
        return state.value();
    }

    private static MapState<Long, Chunk> chunks(
            KeyedOneInputStreamOperatorTestHarness<String, Event, FeatureRow> harness) throws Exception {
        return backend(harness)
                .getPartitionedState(
                        VoidNamespace.INSTANCE,
                        VoidNamespaceSerializer.INSTANCE,
                        new MapStateDescriptor<>("log", LongSerializer.INSTANCE, new ChunkSerializer(PLAN)));
    }
}
