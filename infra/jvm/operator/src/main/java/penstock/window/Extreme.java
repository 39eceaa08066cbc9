package penstock.window;

import java.io.IOException;
import java.util.Arrays;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;
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
    private long[] times = new long[FIRST_ROOM];
    /** Null for strings. */
    private long[] bits;
    /** Null unless strings. */
    private String[] texts;

    Extreme(Input input, boolean greatest, long grid) {
        this.input = input;
        this.greatest = greatest;
        this.grid = grid;
        if (input.type().isText()) {
            texts = new String[FIRST_ROOM];
        } else {
            bits = new long[FIRST_ROOM];
        }
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

    private void add(long time, long newBits, String newText) {
        makeRoom();
        int place = to == from || times[to - 1] < time ? to : firstNotBefore(time);
        // the best of those that live at least as long stands first among them
        if (place < to && compare(place, newBits, newText) >= 0) {
            return;
        }
        int after = place < to && times[place] == time ? place + 1 : place;
        int before = place;
        while (before > from && compare(before - 1, newBits, newText) <= 0) {
            before--;
        }
        move(after, before + 1, to - after);
        to += 1 - (after - before);
        times[before] = time;
        put(before, newBits, newText);
    }

    // positive when the element beats the value
    private int compare(int i, long otherBits, String otherText) {
        int sign = input.compare(bitsAt(i), textAt(i), otherBits, otherText);
        return greatest ? sign : -sign;
    }

    private long bitsAt(int i) {
        return bits == null ? 0 : bits[i];
    }

    private String textAt(int i) {
        return texts == null ? null : texts[i];
    }

    private void put(int i, long newBits, String newText) {
        if (bits != null) {
            bits[i] = newBits;
        } else {
            texts[i] = newText;
        }
    }

    private int firstNotBefore(long time) {
        int place = Arrays.binarySearch(times, from, to, time);
        return place < 0 ? -place - 1 : place;
    }

    private void makeRoom() {
        if (to < times.length) {
            return;
        }
        if (from > times.length / 2) {
            move(from, 0, to - from);
            to -= from;
            from = 0;
        } else {
            int room = 2 * times.length;
            times = Arrays.copyOf(times, room);
            bits = bits == null ? null : Arrays.copyOf(bits, room);
            texts = texts == null ? null : Arrays.copyOf(texts, room);
        }
    }

    private void move(int source, int target, int count) {
        if (count > 0 && source != target) {
            System.arraycopy(times, source, times, target, count);
            System.arraycopy(bits != null ? bits : texts, source, bits != null ? bits : texts, target, count);
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
        while (from < to && times[from] <= end) {
            put(from, 0, null);
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
            out.writeLong(times[i]);
            if (bits != null) {
                out.writeLong(bits[i]);
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
            times[to] = in.readLong();
            put(to, bits != null ? in.readLong() : 0, texts != null ? Wire.readText(in) : null);
            to++;
        }
    }

    @Override
    public Extreme copy() {
        Extreme copy = new Extreme(input, greatest, grid);
        copy.from = from;
        copy.to = to;
        copy.times = times.clone();
        copy.bits = bits == null ? null : bits.clone();
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
