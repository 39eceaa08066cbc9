package penstock.window;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import penstock.json.JsonWriter;

/** How many events are taken. */
final class Count extends Invertible {
    private final Input input;
    private long n;

    Count(Input input) {
        this.input = input;
    }

    @Override
    public void add(Chunk chunk, int i) {
        if (input.takes(chunk, i)) {
            n++;
        }
    }

    @Override
    public void remove(Chunk chunk, int i) {
        if (input.takes(chunk, i)) {
            n--;
        }
    }

    @Override
    public void removeStep(Accumulator part, long end) {
        n -= ((Count) part).n;
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        out.writeLong(n);
    }

    @Override
    public void read(DataInputView in) throws IOException {
        n = in.readLong();
    }

    @Override
    public Count copy() {
        Count copy = new Count(input);
        copy.n = n;
        return copy;
    }

    static boolean emit(Accumulator from, JsonWriter out) {
        out.integer(((Count) from).n);
        return false;
    }
}
