package penstock.window;

import java.io.IOException;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.jspecify.annotations.Nullable;
import penstock.json.JsonWriter;
import penstock.plan.Type;
import penstock.types.Wire;

/** An accumulator that keeps one value with its time: the best seen, by an order that subclasses give. */
abstract class Single extends Accumulator {
    final Input input;
    boolean present;
    long time;
    private long bits;
    private @Nullable String text;

    Single(Input input) {
        this.input = input;
    }

    /** An empty one of the same kind. */
    abstract Single fresh();

    /** Does (newTime, value) beat the kept one? {@code sign} compares the new value with the kept. */
    abstract boolean beats(long newTime, int sign);

    @Override
    public final void add(Chunk chunk, int i) {
        if (input.takes(chunk, i)) {
            long newBits = input.bits(chunk, i);
            String newText = input.text(chunk, i);
            if (!present || beats(chunk.time(i), input.compare(newBits, newText, bits, text))) {
                present = true;
                time = chunk.time(i);
                bits = newBits;
                text = newText;
            }
        }
    }

    @Override
    public final void remove(Chunk chunk, int i) {
        removeUpTo(chunk.time(i));
    }

    @Override
    public final void removeStep(Accumulator part, long end) {
        removeUpTo(end);
    }

    void removeUpTo(long end) {
        if (present && time <= end) {
            present = false;
            text = null;
        }
    }

    /** Takes what another one has. */
    final void add(Single other) {
        if (other.present && (!present || beats(other.time, input.compare(other.bits, other.text, bits, text)))) {
            present = true;
            time = other.time;
            bits = other.bits;
            text = other.text;
        }
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        out.writeBoolean(present);
        if (present) {
            out.writeLong(time);
            out.writeLong(bits);
            Wire.writeText(text, out);
        }
    }

    @Override
    public void read(DataInputView in) throws IOException {
        present = in.readBoolean();
        if (present) {
            time = in.readLong();
            bits = in.readLong();
            text = Wire.readText(in);
        }
    }

    @Override
    public final Single copy() {
        Single copy = fresh();
        copy.present = present;
        copy.time = time;
        copy.bits = bits;
        copy.text = text;
        return copy;
    }

    static Emit emit(Type type) {
        return (from, out) -> {
            ((Single) from).emit(type, out);
            return false;
        };
    }

    private void emit(Type type, JsonWriter out) {
        if (present) {
            out.value(type, bits, text);
        } else {
            out.nothing();
        }
    }

    /** The greatest (time, value). When its time leaves a window nothing is left, so no second best is needed. */
    static final class Last extends Single {
        Last(Input input) {
            super(input);
        }

        @Override
        Last fresh() {
            return new Last(input);
        }

        @Override
        boolean beats(long newTime, int sign) {
            return newTime > time || newTime == time && sign > 0;
        }
    }

    /** The least (time, value). When its time leaves, the next one is searched from the window's new head on. */
    static final class First extends Single implements Accumulator.Refilled {
        private boolean gone;

        First(Input input) {
            super(input);
        }

        @Override
        First fresh() {
            return new First(input);
        }

        @Override
        boolean beats(long newTime, int sign) {
            return newTime < time || newTime == time && sign < 0;
        }

        @Override
        void removeUpTo(long end) {
            boolean before = present;
            super.removeUpTo(end);
            gone |= before && !present;
        }

        @Override
        public void refill(Events left) throws Exception {
            if (gone) {
                gone = false;
                left.forEach(this::offer);
            }
        }

        @Override
        public void refillFromSteps(Parts left) throws Exception {
            if (gone) {
                gone = false;
                left.forEach(this::offer);
            }
        }

        private boolean offer(long first, Accumulator part) {
            if (present && first > time) {
                return false;
            }
            add((First) part);
            return true;
        }

        // all events of the first fitting time are looked at, then the search ends
        private boolean offer(Chunk chunk, int i) {
            if (present && chunk.time(i) > time) {
                return false;
            }
            add(chunk, i);
            return true;
        }
    }

    /** The greatest or least value ever, for windows that nothing leaves. */
    static final class Best extends Single {
        private final boolean greatest;

        Best(Input input, boolean greatest) {
            super(input);
            this.greatest = greatest;
        }

        @Override
        Best fresh() {
            return new Best(input, greatest);
        }

        @Override
        boolean beats(long newTime, int sign) {
            return greatest ? sign > 0 : sign < 0;
        }
    }
}
