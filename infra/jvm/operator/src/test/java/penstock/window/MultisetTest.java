package penstock.window;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import penstock.json.JsonWriter;
import penstock.plan.Order;
import penstock.plan.Parameters;
import penstock.plan.Type;

/** Thousands of values in one window: many blocks, which fill, split, empty and join. */
class MultisetTest {
    private static final Parameters[] SHARES = {share(0, 1), share(1, 2), share(999, 1000), share(1, 1)};

    private static Parameters share(long numerator, long denominator) {
        return new Parameters(numerator, denominator, 0, List.of());
    }

    private static Chunk event(String text) {
        Chunk chunk = new Chunk(new ChunkColumns(true), 1);
        chunk.size = 1;
        chunk.setText(0, 0, text);
        return chunk;
    }

    private static String written(Accumulator.Emit emit, Multiset values) {
        JsonWriter out = new JsonWriter();
        emit.write(values, out);
        return out.toText();
    }

    private static Multiset restored(Multiset values, Input input) throws Exception {
        DataOutputSerializer out = new DataOutputSerializer(64);
        values.write(out);
        Multiset back = new Multiset(input, 3, true);
        back.read(new DataInputDeserializer(out.getCopyOfBuffer()));
        return back;
    }

    /** A state that keeps blocks as bytes, as a backend on disk does. */
    @SuppressWarnings("unchecked")
    private static MapState<Long, Block> state(Map<Long, byte[]> kept) {
        BlockSerializer serializer = new BlockSerializer();
        return (MapState<Long, Block>) Proxy.newProxyInstance(
                MultisetTest.class.getClassLoader(), new Class<?>[] {MapState.class}, (proxy, method, args) -> {
                    switch (method.getName()) {
                        case "get":
                            return serializer.deserialize(new DataInputDeserializer(kept.get((Long) args[0])));
                        case "put":
                            DataOutputSerializer out = new DataOutputSerializer(64);
                            serializer.serialize((Block) args[1], out);
                            kept.put((Long) args[0], out.getCopyOfBuffer());
                            return null;
                        default:
                            assertEquals("remove", method.getName());
                            kept.remove((Long) args[0]);
                            return null;
                    }
                });
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 2_000, 1_000_000})
    void ranksAndDifferentValuesOfManyBlocks(int range) throws Exception {
        Random random = new Random(range);
        Input input = new Input(0, -1, Type.STRING);
        Multiset values = new Multiset(input, 3, true);
        Map<Long, byte[]> kept = new HashMap<>();
        Blocks blocks = new Blocks(state(kept));
        ArrayDeque<String> held = new ArrayDeque<>();
        for (int step = 0; step < 12_000; step++) {
            values.open(blocks);
            boolean grow = step < 5_000 || step > 9_000 && step < 10_000;
            if (grow || held.isEmpty()) {
                held.add("v" + random.nextInt(range));
                values.add(event(held.getLast()), 0);
            } else {
                values.remove(event(held.poll()), 0);
            }
            if (step % 400 == 0) {
                values = step % 800 == 0 ? restored(values, input) : values.copy();
                values.open(blocks);
                check(values, new ArrayList<>(held));
            }
            blocks.close();
        }
        // no block is left behind
        for (values.open(blocks); !held.isEmpty(); ) {
            values.remove(event(held.poll()), 0);
        }
        blocks.close();
        assertEquals(0, kept.size());
    }

    private static void check(Multiset values, List<String> held) {
        held.sort(Order::compareText);
        assertEquals(Long.toString(held.stream().distinct().count()), written(Multiset::distinct, values));
        assertEquals(top(held), written(Multiset.top(Type.STRING, 200), values));
        for (Parameters share : SHARES) {
            int rank = Math.max(1, -Math.floorDiv(-held.size() * (int) share.numerator(), (int) share.denominator()));
            String expected = held.isEmpty() ? "null" : '"' + held.get(rank - 1) + '"';
            assertEquals(expected, written(Multiset.percentile(Type.STRING, share), values));
        }
    }

    private static String top(List<String> held) {
        Map<String, Long> counts = held.stream().collect(Collectors.groupingBy(text -> text, Collectors.counting()));
        return counts.keySet().stream()
                .sorted(Comparator.<String>comparingLong(text -> -counts.get(text)).thenComparing(Order::compareText))
                .limit(200)
                .map(text -> '"' + text + '"')
                .collect(Collectors.joining(",", "[", "]"));
    }
}
