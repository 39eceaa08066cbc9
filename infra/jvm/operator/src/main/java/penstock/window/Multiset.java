package penstock.window;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.jspecify.annotations.Nullable;
import penstock.json.JsonWriter;
import penstock.plan.Parameters;
import penstock.plan.Type;
import penstock.types.Wire;

/**
 * The values that take part, each once with its count, in their order: distinct, percentile and, with a second order by
 * count, top_k. Blocks of values lie in a state of their own; this is what the key's state holds of them.
 */
final class Multiset extends Invertible {
    /** Bits of a block's id below its multiset's place. */
    private static final int SPACE = 40;

    private final Input input;
    private final SortedBlocks values;
    /** The most frequent first, of equally frequent ones the least; null where top_k is not asked for. */
    private final @Nullable SortedBlocks byCount;
    /** All values, and the different ones. */
    private long n;

    private long different;

    /** @param place a number that no other multiset of the key has */
    Multiset(Input input, int place, boolean counted) {
        this.input = input;
        boolean text = input.type().isText();
        values = new SortedBlocks(text, 2L * place << SPACE, (a, textA, countA, b, textB, countB) ->
                input.compare(a, textA, b, textB));
        byCount = counted ? new SortedBlocks(text, 2L * place + 1 << SPACE, this::compareCounts) : null;
    }

    private Multiset(Multiset from) {
        input = from.input;
        values = from.values.copy();
        byCount = from.byCount == null ? null : from.byCount.copy();
        n = from.n;
        different = from.different;
    }

    private int compareCounts(long a, @Nullable String textA, long countA, long b, @Nullable String textB, long countB) {
        return countA != countB ? Long.compare(countB, countA) : input.compare(a, textA, b, textB);
    }

    @Override
    public void open(Blocks blocks) {
        values.open(blocks);
        if (byCount != null) {
            byCount.open(blocks);
        }
    }

    @Override
    public void add(Chunk chunk, int i) {
        if (input.takes(chunk, i)) {
            change(input.bits(chunk, i), input.text(chunk, i), 1);
        }
    }

    @Override
    public void remove(Chunk chunk, int i) {
        if (input.takes(chunk, i)) {
            change(input.bits(chunk, i), input.text(chunk, i), -1);
        }
    }

    private void change(long bits, @Nullable String text, int by) {
        long now = values.change(bits, text, by);
        long before = now - by;
        n += by;
        different += now == 0 ? -1 : before == 0 ? 1 : 0;
        if (byCount != null && before > 0) {
            byCount.delete(bits, text, before);
        }
        if (byCount != null && now > 0) {
            byCount.insert(bits, text, now);
        }
    }

    @Override
    public boolean clear() {
        values.clear();
        if (byCount != null) {
            byCount.clear();
        }
        n = 0;
        different = 0;
        return true;
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        Wire.writeSize(n, out);
        Wire.writeSize(different, out);
        values.write(out);
        if (byCount != null) {
            byCount.write(out);
        }
    }

    @Override
    public void read(DataInputView in) throws IOException {
        n = Wire.readSize(in);
        different = Wire.readSize(in);
        values.read(in);
        if (byCount != null) {
            byCount.read(in);
        }
    }

    @Override
    public Multiset copy() {
        return new Multiset(this);
    }

    static boolean distinct(Accumulator from, JsonWriter out) {
        out.integer(((Multiset) from).different);
        return false;
    }

    /** The value at the nearest rank of a share. */
    static Emit percentile(Type type, Parameters share) {
        return (from, out) -> {
            Multiset multiset = (Multiset) from;
            if (multiset.n == 0) {
                out.nothing();
            } else {
                multiset.values.at(rank(multiset.n, share), (bits, text) -> {
                    out.value(type, bits, text);
                    return false;
                });
            }
            return false;
        };
    }

    /** {@code max(0, ceil(n * share) - 1)}: counted from 0. No product is beyond a long below 2**36 values. */
    private static long rank(long n, Parameters share) {
        return Math.max(0, -Math.floorDiv(-n * share.numerator(), share.denominator()) - 1);
    }

    /** The k most frequent values, of equally frequent ones the least first. */
    static Emit top(Type type, int k) {
        return (from, out) -> {
            int[] written = {0};
            out.raw('[');
            ((Multiset) from).byCount.forEach((bits, text) -> {
                if (written[0] > 0) {
                    out.raw(',');
                }
                out.value(type, bits, text);
                return ++written[0] < k;
            });
            out.raw(']');
            return false;
        };
    }
}
