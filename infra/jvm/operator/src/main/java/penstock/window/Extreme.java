package penstock.window;

import java.io.IOException;
import java.util.Arrays;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
import org.jspecify.annotations.Nullable;
import penstock.json.JsonWriter;
import penstock.plan.Type;
import penstock.types.Wire;

/**
 * The least or greatest value of a sliding window: a monotone deque of the values that can still become it, times
 * rising, each value beaten by the one before it. A cost of O(1) amortized per event, and a search for a late one.
 */
final class Extreme extends Accumulator {
    private static final int FIRST_ROOM = 4;

    private final Input input;
    private final boolean greatest;
    /** Events between two times of this grid leave together, so the best of them is enough; 0: each leaves alone. */
    private final long grid;
    // the deque lies at [from, to)
    private int from;
    private int to;
    /** The time of each and beside it its bits, which mean nothing for a string. */
    private long[] numbers = new long[2 * FIRST_ROOM];
    /** Null unless strings. */
    private String @Nullable [] texts;

    Extreme(Input input, boolean greatest, long grid) {
        this.input = input;
        this.greatest = greatest;
        this.grid = grid;
        texts = input.type().isText() ? new String[FIRST_ROOM] : null;
    }

    @Override
    public void add(Chunk chunk, int i) {
        if (input.takes(chunk, i)) {
            add(leavesWith(chunk.time(i)), input.bits(chunk, i), input.text(chunk, i));
        }
    }

    private long leavesWith(long time) {
        return grid == 0 ? time : -Math.floorDiv(-time, grid) * grid;
    }

    private void add(long time, long newBits, @Nullable String newText) {
        makeRoom();
        int place = to == from || timeAt(to - 1) < time ? to : Search.firstNotBefore(this::timeAt, from, to, time);
        // the best of those that live at least as long stands first among them
        if (place < to && compare(place, newBits, newText) >= 0) {
            return;
        }
        int after = place < to && timeAt(place) == time ? place + 1 : place;
        int before = place;
        while (before > from && compare(before - 1, newBits, newText) <= 0) {
            before--;
        }
        move(after, before + 1, to - after);
        to += 1 - (after - before);
        put(before, time, newBits, newText);
    }

    // positive when the element beats the value
    private int compare(int i, long otherBits, @Nullable String otherText) {
        int sign = input.compare(bitsAt(i), textAt(i), otherBits, otherText);
        return greatest ? sign : -sign;
    }

    private long timeAt(int i) {
        return numbers[2 * i];
    }

    private long bitsAt(int i) {
        return numbers[2 * i + 1];
    }

    private @Nullable String textAt(int i) {
        return texts == null ? null : texts[i];
    }

    private void put(int i, long time, long newBits, @Nullable String newText) {
        numbers[2 * i] = time;
        numbers[2 * i + 1] = newBits;
        if (texts != null) {
            texts[i] = newText;
        }
    }

    private void makeRoom() {
        int room = numbers.length / 2;
        if (to < room) {
            return;
        }
        if (from > room / 2) {
            move(from, 0, to - from);
            to -= from;
            from = 0;
        } else {
            numbers = Arrays.copyOf(numbers, 4 * room);
            texts = texts == null ? null : Arrays.copyOf(texts, 2 * room);
        }
    }

    private void move(int source, int target, int count) {
        if (count > 0 && source != target) {
            System.arraycopy(numbers, 2 * source, numbers, 2 * target, 2 * count);
            if (texts != null) {
                System.arraycopy(texts, source, texts, target, count);
            }
        }
    }

    @Override
    public void remove(Chunk chunk, int i) {
        removeUpTo(leavesWith(chunk.time(i)));
    }

    @Override
    public void removeStep(Accumulator part, long end) {
        // a view's steps are those of all its windows, and this one's may be longer
        removeUpTo(leavesWith(end));
    }

    private void removeUpTo(long end) {
        while (from < to && timeAt(from) <= end) {
            if (texts != null) {
                texts[from] = null;
            }
            from++;
        }
        if (from == to) {
            from = 0;
            to = 0;
        }
    }

    @Override
    public void write(DataOutputView out) throws IOException {
        Wire.writeSize(to - from, out);
        for (int i = from; i < to; i++) {
            out.writeLong(timeAt(i));
            if (texts == null) {
                out.writeLong(bitsAt(i));
            } else {
                Wire.writeText(texts[i], out);
            }
        }
    }

    @Override
    public void read(DataInputView in) throws IOException {
        int size = (int) Wire.readSize(in);
        for (int i = 0; i < size; i++) {
            makeRoom();
            long time = in.readLong();
            put(to, time, texts == null ? in.readLong() : 0, texts == null ? null : Wire.readText(in));
            to++;
        }
    }

    @Override
    public Extreme copy() {
        Extreme copy = new Extreme(input, greatest, grid);
        copy.from = from;
        copy.to = to;
        copy.numbers = numbers.clone();
        copy.texts = texts == null ? null : texts.clone();
        return copy;
    }

    static Emit emit(Type type) {
        return (from, out) -> {
            ((Extreme) from).emit(type, out);
            return false;
        };
    }

    private void emit(Type type, JsonWriter out) {
        if (from == to) {
            out.nothing();
        } else {
            out.value(type, bitsAt(from), textAt(from));
        }
    }
}
