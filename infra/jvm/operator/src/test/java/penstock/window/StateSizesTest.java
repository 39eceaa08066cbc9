package penstock.window;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import penstock.Plans;
import penstock.plan.PlanReader;
import penstock.plan.View;

/**
 * The table from which Python tells how large a key's state is ({@code state_size.py}) has every aggregate and the sizes
 * that its family says, and these are what is written. {@code PENSTOCK_WRITE_TABLES=1} writes the table anew.
 */
class StateSizesTest {
    private static final Path TABLE = Path.of("../../../features/compilers/flink/state_sizes.json");
    private static final int EVENTS = 20;
    private static final String K = "{\"k\":3}";

    @Test
    void theTableHasTheSizesOfAllAggregates() throws IOException {
        String table = Arrays.stream(Aggregate.values())
                .map(StateSizesTest::entry)
                .collect(Collectors.joining(",\n", "{\n", "\n}\n"));
        if ("1".equals(System.getenv("PENSTOCK_WRITE_TABLES"))) {
            Files.writeString(TABLE, table);
        }
        assertEquals(table, Files.readString(TABLE));
    }

    private static String entry(Aggregate aggregate) {
        return "  \"" + aggregate.planName() + "\": {\"family\": " + word(aggregate.family) + ", \"apart_by\": "
                + apartBy(aggregate) + ", \"stepped\": " + word(aggregate.family.stepped) + ",\n    \"limited\": "
                + size(aggregate.size(false)) + ",\n    \"lasting\": " + size(aggregate.size(true)) + "}";
    }

    private static String word(Enum<?> value) {
        return "\"" + value.name().toLowerCase(Locale.ROOT) + "\"";
    }

    private static String size(Size size) {
        return "{\"fixed\": " + cost(size.fixed()) + ", \"per_event\": " + cost(size.perEvent()) + "}";
    }

    private static String cost(Size.Cost cost) {
        String parts = part("bytes", cost.bytes()) + part("values", cost.values()) + part("bys", cost.bys())
                + part("rows", cost.rows());
        return "{" + parts + "\"times\": " + word(cost.times()) + "}";
    }

    private static String part(String name, int count) {
        return count == 0 ? "" : "\"" + name + "\": " + count + ", ";
    }

    /** By what features of one condition and window must differ in order to have accumulators of their own. */
    private static List<String> apartBy(Aggregate aggregate) {
        List<String> apart = new ArrayList<>();
        String name = name(aggregate, 0, 0, K);
        for (String[] other : new String[][] {
            {"arg", name(aggregate, 1, 0, K)},
            {"by", name(aggregate, 0, 1, K)},
            {"k", name(aggregate, 0, 0, "{\"k\":4}")},
            {"edges", name(aggregate, 0, 0, "{\"k\":3,\"edges\":[0,1]}")},
            {"share", name(aggregate, 0, 0, "{\"k\":3,\"share\":[1,2]}")},
            {"half_life_ms", name(aggregate, 0, 0, "{\"k\":3,\"half_life_ms\":5}")}
        }) {
            if (!name.equals(other[1])) {
                apart.add("\"" + other[0] + "\"");
            }
        }
        return apart;
    }

    private static String name(Aggregate aggregate, int arg, int by, String parameters) {
        View view = view(aggregate, arg, by, parameters, Plans.lifetime());
        return aggregate.family.name(new Asked(view, view.features().get(0), Set.of(aggregate)));
    }

    private static View view(Aggregate aggregate, int arg, int by, String parameters, String window) {
        String feature = Plans.feature("f", aggregate.planName(), arg, null, 0, "int64");
        String given = ",\"by\":" + by + ",\"parameters\":" + parameters + ",\"ages\":[" + (aggregate.decays ? "0" : "") + "]}";
        return PlanReader.read(Plans.view(
                Plans.source(null, 0), window, feature.substring(0, feature.length() - 1) + given));
    }

    @ParameterizedTest
    @EnumSource(Aggregate.class)
    void noMoreIsWrittenThanASizeSays(Aggregate aggregate) throws Exception {
        // blocks lie beside the key's state
        Assumptions.assumeFalse(aggregate.family.hasBlocks());
        for (boolean lasting : aggregate == Aggregate.LATEST ? new boolean[] {true} : new boolean[] {false, true}) {
            Size size = aggregate.size(lasting);
            long said = bytes(size.fixed()) + EVENTS * bytes(size.perEvent());
            long written = Math.max(written(aggregate, lasting, 1), written(aggregate, lasting, -1));
            assertTrue(written <= said + 8, aggregate + " of " + said + " bytes writes " + written);
            assertTrue(written >= bytes(size.perEvent()) * EVENTS, aggregate + " writes " + written + " of " + said);
        }
    }

    private static long bytes(Size.Cost cost) {
        int times = switch (cost.times()) {
            case ONE -> 1;
            case K -> 3;
            case BINS -> 2;
        };
        return (long) times * (cost.bytes() + 8L * (cost.values() + cost.bys() + 3L * cost.rows()));
    }

    /** What an accumulator of large numbers writes that rise or fall with time. */
    private static long written(Aggregate aggregate, boolean lasting, int sign) throws IOException {
        String window = lasting ? Plans.lifetime() : Plans.sliding(1_000_000, 0);
        Layout layout = new Layout(view(aggregate, 0, 0, "{\"k\":3,\"edges\":[-9,0,9]}", window));
        Accumulator accumulator = layout.newState().accumulators[0];
        for (int i = 0; i < EVENTS; i++) {
            Chunk chunk = new Chunk(layout.columns, 1);
            chunk.size = 1;
            chunk.setTime(0, i);
            chunk.setBits(0, 0, sign * ((1L << 53) - EVENTS + i));
            accumulator.add(chunk, 0);
        }
        DataOutputSerializer out = new DataOutputSerializer(64);
        accumulator.write(out);
        return out.length();
    }
}
