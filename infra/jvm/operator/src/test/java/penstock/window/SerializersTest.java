package penstock.window;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Test;
import penstock.Plans;
import penstock.plan.PlanReader;
import penstock.route.DeadLetter;
import penstock.route.DeadLetterSerializer;
import penstock.route.Event;
import penstock.route.EventSerializer;
import penstock.types.PlainSerializer;
import penstock.types.PlainSnapshot;

class SerializersTest {
    private static final String PLAN = Plans.view(
            Plans.source("id", 9),
            Plans.sliding(10, 0) + "," + Plans.lifetime(),
            String.join(
                    ",",
                    Plans.feature("a", "count", null, 0, 0, "int64"),
                    Plans.feature("b", "std", 1, null, 0, "float64"),
                    Plans.feature("c", "max", 2, null, 0, "string"),
                    Plans.feature("d", "first", 0, null, 0, "int64"),
                    Plans.feature("e", "min", 2, null, 1, "string"),
                    Plans.feature("f", "kurtosis", 1, null, 0, "float64"),
                    given("g", "argmax", 2, "\"by\":1"),
                    given("h", "first_k", 2, "\"parameters\":{\"k\":2}"),
                    given("i", "last_k", 1, "\"parameters\":{\"k\":3}"),
                    given("j", "histogram", 0, "\"parameters\":{\"edges\":[0,3,9]}")));

    private static String given(String name, String aggregate, int arg, String what) {
        String feature = Plans.feature(name, aggregate, arg, null, 0, "int64");
        return feature.substring(0, feature.length() - 1) + "," + what + "}";
    }

    private static <T> byte[] bytes(TypeSerializer<T> serializer, T value) throws IOException {
        DataOutputSerializer out = new DataOutputSerializer(64);
        serializer.serialize(value, out);
        return out.getCopyOfBuffer();
    }

    private static <T> T read(TypeSerializer<T> serializer, byte[] bytes) throws IOException {
        DataInputDeserializer in = new DataInputDeserializer(bytes);
        T value = serializer.deserialize(in);
        assertEquals(0, in.available());
        return value;
    }

    /** Bytes, read back, copied and copied as bytes stay the same bytes; the snapshot restores an equal serializer. */
    private static <T> void check(PlainSerializer<T> serializer, T value) throws Exception {
        byte[] bytes = bytes(serializer, value);
        assertArrayEquals(bytes, bytes(serializer, read(serializer, bytes)));
        assertArrayEquals(bytes, bytes(serializer, serializer.copy(value)));
        DataOutputSerializer copied = new DataOutputSerializer(64);
        serializer.copy(new DataInputDeserializer(bytes), copied);
        assertArrayEquals(bytes, copied.getCopyOfBuffer());
        checkSnapshot(serializer);
        bytes[0] = 99;
        assertThrows(IOException.class, () -> read(serializer, bytes));
    }

    private static <T> void checkSnapshot(PlainSerializer<T> serializer) throws Exception {
        TypeSerializerSnapshot<T> snapshot = serializer.snapshotConfiguration();
        DataOutputSerializer out = new DataOutputSerializer(64);
        TypeSerializerSnapshot.writeVersionedSnapshot(out, snapshot);
        DataInputDeserializer in = new DataInputDeserializer(out.getCopyOfBuffer());
        TypeSerializerSnapshot<T> back =
                TypeSerializerSnapshot.readVersionedSnapshot(in, SerializersTest.class.getClassLoader());
        assertEquals(serializer, back.restoreSerializer());
        assertTrue(snapshot.resolveSchemaCompatibility(back).isCompatibleAsIs());
    }

    private static Event event(int i) {
        Event event = new Event();
        event.key = "{\"k\":\"\u20ac\"}";
        event.time = -5 + i;
        event.id = i % 3 == 0 ? null : "e" + i;
        event.partition = 3;
        event.offset = 1L << 40;
        event.nulls = i % 4 == 0 ? 4 : 0;
        event.wheres = i & 1;
        event.bits = new long[] {i, Double.doubleToRawLongBits(i / 3.0), 0};
        event.texts = new String[] {null, null, i % 4 == 0 ? null : "s\ud83d\ude00" + i};
        return event;
    }

    private static Chunk chunk(int size) {
        Layout layout = new Layout(PlanReader.read(PLAN));
        Chunk chunk = new Chunk(layout.columns);
        for (int i = 0; i < size; i++) {
            Event event = event(i);
            Chunk one = new Chunk(layout.columns, 1);
            one.size = 1;
            one.setTime(0, event.time);
            one.setId(0, event.id);
            one.setNulls(0, event.nulls);
            one.setWheres(0, event.wheres);
            one.setBits(0, 0, event.bits[0]);
            one.setBits(1, 0, event.bits[1]);
            one.setText(2, 0, event.texts[2]);
            chunk.insert(chunk.size, one, 0);
        }
        chunk.previous = 7;
        chunk.next = 1L << 33;
        return chunk;
    }

    @Test
    void events() throws Exception {
        for (int i = 0; i < 8; i++) {
            check(new EventSerializer(PLAN), event(i));
        }
    }

    @Test
    void chunks() throws Exception {
        for (int size : new int[] {0, 1, 5, EventLog.CHUNK}) {
            check(new ChunkSerializer(PLAN), chunk(size));
        }
    }

    @Test
    void chunksOfSteps() throws Exception {
        String windows = Plans.sliding(30, 10) + "," + Plans.sliding(40, 4);
        String features = Plans.feature("m", "mean", 1, null, 0, "float64") + ","
                + Plans.feature("s", "std", 1, 0, 1, "float64") + "," + Plans.feature("f", "first", 2, null, 1, "string");
        String plan = Plans.view(Plans.source(null, 0), windows, features);
        Steps steps = new Layout(PlanReader.read(plan)).steps;
        check(new ChunkSerializer(plan), steps.entry(-3));
        check(new ChunkSerializer(plan), entries(steps, chunk(20)));
        String mixed = Plans.view(Plans.source(null, 0), windows + "," + Plans.sliding(9, 0), features);
        Steps beside = new Layout(PlanReader.read(mixed)).steps;
        check(new ChunkSerializer(mixed), entries(beside, chunk(20)));
        check(new ChunkSerializer(mixed), chunk(20));
    }

    /** Events as steps, each with an entry of its own. */
    private static Chunk entries(Steps steps, Chunk events) {
        Chunk entries = Chunk.ofSteps(events.room());
        entries.previous = events.previous;
        entries.next = events.next;
        for (int i = 0; i < events.size; i++) {
            entries.insert(i, steps.entry(events.time(i)), 0);
            for (Accumulator part : entries.steps[i]) {
                part.add(events, i);
            }
        }
        return entries;
    }

    @Test
    void blocks() throws Exception {
        check(new BlockSerializer(), new Block(true));
        Block texts = new Block(true);
        Block numbers = new Block(false);
        for (int i = 0; i < Block.FULL; i++) {
            texts.append(0, "s\ud83d\ude00" + i, 1L << 40);
            numbers.append(-i, null, i + 1);
        }
        check(new BlockSerializer(), texts);
        check(new BlockSerializer(), numbers);
    }

    @Test
    void keyStates() throws Exception {
        KeyStateSerializer serializer = new KeyStateSerializer(PLAN);
        KeyState state = new Layout(PlanReader.read(PLAN)).newState();
        check(serializer, state);
        Chunk chunk = chunk(20);
        for (int i = 0; i < chunk.size; i++) {
            for (Accumulator each : state.accumulators) {
                each.add(chunk, i);
            }
        }
        state.clock = -3;
        state.seq = 1L << 35;
        state.heads[0].set(4, 2, 17);
        check(serializer, state);
        assertNotSame(state.accumulators[0], serializer.copy(state).accumulators[0]);
    }

    @Test
    void aKeyHasTwoLogsWhereStepsAreKeptBesideEvents() throws Exception {
        String windows = Plans.sliding(10, 0) + "," + Plans.sliding(30, 10);
        String features = Plans.feature("a", "count", null, 0, 0, "int64") + ","
                + Plans.feature("b", "count", null, 0, 1, "int64");
        String plan = Plans.view(Plans.source(null, 0), windows, features);
        KeyState state = new Layout(PlanReader.read(plan)).newState();
        state.logs[0].first = 1;
        state.logs[1].last = 300;
        check(new KeyStateSerializer(plan), state);
        assertEquals(2, read(new KeyStateSerializer(plan), bytes(new KeyStateSerializer(plan), state)).logs.length);
    }

    @Test
    void inAUnionEventsAndKeysSayTheirSource() throws Exception {
        String union = PLAN.replace(Plans.source("id", 9), Plans.union(9));
        Event event = event(1);
        event.source = 1;
        check(new EventSerializer(union), event);
        assertEquals(1, read(new EventSerializer(union), bytes(new EventSerializer(union), event)).source);
        KeyState state = new Layout(PlanReader.read(union)).newState();
        state.source = 1;
        check(new KeyStateSerializer(union), state);
        assertEquals(1, read(new KeyStateSerializer(union), bytes(new KeyStateSerializer(union), state)).source);
        assertEquals(1, state.copy().source);
    }

    /** No release wrote an older version; a later version can read this one, by {@link PlainSerializer#oldest}. */
    @Test
    void anOlderVersionIsRefused() throws Exception {
        byte[] older = bytes(new FeatureRowSerializer(), new FeatureRow(new byte[] {1}, new byte[] {2, 3}, 6, 4, 5));
        older[0] = 1;
        IOException refused = assertThrows(IOException.class, () -> read(new FeatureRowSerializer(), older));
        assertEquals("FeatureRowSerializer cannot read version 1, only 2 to 2", refused.getMessage());
    }

    @Test
    void rowsAndDeadLetters() throws Exception {
        check(new FeatureRowSerializer(), new FeatureRow(new byte[] {1}, new byte[] {2, 3}, 6, 4, 5));
        check(new DeadLetterSerializer(), new DeadLetter("s", null, "not json", "why", 1, 2, new byte[] {-1}));
    }

    @Test
    void anotherPlansLayoutIsIncompatible() {
        String other = PLAN.replace("\"size_ms\":10", "\"size_ms\":11");
        for (List<PlainSerializer<?>> pair : List.of(
                List.<PlainSerializer<?>>of(new ChunkSerializer(PLAN), new ChunkSerializer(other)),
                List.<PlainSerializer<?>>of(new KeyStateSerializer(PLAN), new KeyStateSerializer(other)))) {
            assertTrue(compatibility(pair.get(0), pair.get(1)));
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static boolean compatibility(PlainSerializer<?> a, PlainSerializer<?> b) {
        TypeSerializerSnapshot before = a.snapshotConfiguration();
        TypeSerializerSnapshot after = b.snapshotConfiguration();
        assertTrue(before instanceof PlainSnapshot);
        return after.resolveSchemaCompatibility(before).isIncompatible();
    }
}
