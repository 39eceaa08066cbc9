package penstock.window;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import penstock.json.JsonWriter;
import penstock.types.Wire;

/** How many values lie in each half-open bin; one outside of all bins is not counted. */
final class Histogram extends Invertible {
    private final Input input;
    /** Rising, as bits of the argument's type. */
    private final long[] edges;

    private final long[] counts;

    Histogram(Input input, long[] edges) {
        this.input = input;
        this.edges = edges;
        counts = new long[edges.length - 1];
    }

    @Override
    public void add(Chunk chunk, int i) {
        count(chunk, i, 1);
    }

    @Override
    public void remove(Chunk chunk, int i) {
        count(chunk, i, -1);
    }

    private void count(Chunk chunk, int i, int by) {
        if (input.takes(chunk, i)) {
            int bin = edgesUpTo(input.bits(chunk, i)) - 1;
            if (bin >= 0 && bin < counts.length) {
                counts[bin] += by;
            }
        }
    }

    private int edgesUpTo(long bits) {
        int low = 0;
        int high = edges.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (input.compare(edges[middle], null, bits, null) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    @Override
    public void removeStep(Accumulator part, long end) {
        for (int bin = 0; bin < counts.length; bin++) {
            counts[bin] -= ((Histogram) part).counts[bin];
        }
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        for (long count : counts) {
            Wire.writeSize(count, out);
        }
    }

    @Override
    public void read(DataInputView in) throws IOException {
        for (int i = 0; i < counts.length; i++) {
            counts[i] = Wire.readSize(in);
        }
    }

    @Override
    public Histogram copy() {
        Histogram copy = new Histogram(input, edges);
        System.arraycopy(counts, 0, copy.counts, 0, counts.length);
        return copy;
    }

    static boolean emit(Accumulator from, JsonWriter out) {
        char before = '[';
        for (long count : ((Histogram) from).counts) {
            out.raw(before).integer(count);
            before = ',';
        }
        out.raw(']');
        return false;
    }
}
