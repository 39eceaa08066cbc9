package penstock.window;

import java.util.Arrays;
import penstock.plan.Order;

/**
 * Some events of a key, columns side by side, in the order (time, id); a link in the key's list of chunks. Ids sort by
 * code point with null first. Times are milliseconds.
 */
final class Chunk {
    static final int FIRST_ROOM = 4;

    /** A bit of {@link #wheres}: the event came too late for sessions, and is none of theirs. */
    static final long OUTSIDE = 1L << 63;
    /** A bit of {@link #wheres}: the event is not in the view (any more), and only remembered. */
    static final long GONE = 1L << 62;

    /** The chunks before and after; 0 where there is none. Of the list's first chunk {@code previous} means nothing. */
    long previous;

    long next;
    int size;
    long[] times;
    /** Null when no event has an id. */
    String[] ids;

    long[] nulls;
    long[] wheres;
    /** Per argument, by event; null for a string argument. */
    final long[][] bits;
    /** Per argument, by event; null unless a string argument. */
    final String[][] texts;
    /** By entry the parts of a step, which then is all that the entry has beside its time; null where entries are events. */
    Accumulator[][] steps;

    Chunk(boolean[] textArgs, int room) {
        times = new long[room];
        nulls = new long[room];
        wheres = new long[room];
        bits = new long[textArgs.length][];
        texts = new String[textArgs.length][];
        for (int a = 0; a < textArgs.length; a++) {
            if (textArgs[a]) {
                texts[a] = new String[room];
            } else {
                bits[a] = new long[room];
            }
        }
    }

    Chunk(boolean[] textArgs) {
        this(textArgs, FIRST_ROOM);
    }

    static Chunk ofSteps(int room) {
        Chunk chunk = new Chunk(new boolean[0], room);
        chunk.steps = new Accumulator[room][];
        return chunk;
    }

    private Chunk(Chunk from) {
        previous = from.previous;
        next = from.next;
        size = from.size;
        times = from.times.clone();
        ids = from.ids == null ? null : from.ids.clone();
        nulls = from.nulls.clone();
        wheres = from.wheres.clone();
        bits = new long[from.bits.length][];
        texts = new String[from.texts.length][];
        for (int a = 0; a < bits.length; a++) {
            bits[a] = from.bits[a] == null ? null : from.bits[a].clone();
            texts[a] = from.texts[a] == null ? null : from.texts[a].clone();
        }
        steps = from.steps == null ? null : copies(from.steps, from.size);
    }

    private static Accumulator[][] copies(Accumulator[][] steps, int size) {
        Accumulator[][] copies = new Accumulator[steps.length][];
        for (int i = 0; i < size; i++) {
            copies[i] = new Accumulator[steps[i].length];
            for (int p = 0; p < copies[i].length; p++) {
                copies[i][p] = steps[i][p].copy();
            }
        }
        return copies;
    }

    boolean isOutside(int i) {
        return (wheres[i] & OUTSIDE) != 0;
    }

    boolean isGone(int i) {
        return (wheres[i] & GONE) != 0;
    }

    boolean isNull(int arg, int i) {
        return (nulls[i] >>> arg & 1) != 0;
    }

    String id(int i) {
        return ids == null ? null : ids[i];
    }

    /** The first place whose event is after (time, id); {@code size} when none is. */
    int placeAfter(long time, String id) {
        int low = 0;
        int high = size;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (compare(middle, time, id) <= 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** Compares the event at {@code i} with (time, id). */
    int compare(int i, long time, String id) {
        if (times[i] != time) {
            return times[i] < time ? -1 : 1;
        }
        return compareIds(id(i), id);
    }

    private static int compareIds(String a, String b) {
        if (a == null || b == null) {
            return Boolean.compare(a != null, b != null);
        }
        return Order.compareText(a, b);
    }

    /** Moves all from place {@code i} on one up and copies the event {@code j} of another chunk there. */
    void insert(int i, Chunk from, int j) {
        room();
        shift(i);
        size++;
        set(i, from, j);
    }

    private void shift(int i) {
        int count = size - i;
        if (count == 0) {
            return;
        }
        System.arraycopy(times, i, times, i + 1, count);
        System.arraycopy(nulls, i, nulls, i + 1, count);
        System.arraycopy(wheres, i, wheres, i + 1, count);
        shift(ids, i, count);
        shift(steps, i, count);
        for (int a = 0; a < bits.length; a++) {
            shift(bits[a], i, count);
            shift(texts[a], i, count);
        }
    }

    private static void shift(Object column, int i, int count) {
        if (column != null) {
            System.arraycopy(column, i, column, i + 1, count);
        }
    }

    /** Overwrites the event at {@code i}. */
    void set(int i, Chunk from, int j) {
        times[i] = from.times[j];
        nulls[i] = from.nulls[j];
        wheres[i] = from.wheres[j];
        String id = from.id(j);
        if (id != null && ids == null) {
            ids = new String[times.length];
        }
        if (ids != null) {
            ids[i] = id;
        }
        if (steps != null) {
            steps[i] = from.steps[j];
        }
        for (int a = 0; a < bits.length; a++) {
            if (bits[a] != null) {
                bits[a][i] = from.bits[a][j];
            } else {
                texts[a][i] = from.texts[a][j];
            }
        }
    }

    private void room() {
        if (size == times.length) {
            resize(2 * size);
        }
    }

    private void resize(int room) {
        times = Arrays.copyOf(times, room);
        nulls = Arrays.copyOf(nulls, room);
        wheres = Arrays.copyOf(wheres, room);
        ids = ids == null ? null : Arrays.copyOf(ids, room);
        steps = steps == null ? null : Arrays.copyOf(steps, room);
        for (int a = 0; a < bits.length; a++) {
            bits[a] = bits[a] == null ? null : Arrays.copyOf(bits[a], room);
            texts[a] = texts[a] == null ? null : Arrays.copyOf(texts[a], room);
        }
    }

    /** Moves the events from place {@code i} on to the end of another chunk. */
    void moveTail(int i, Chunk to) {
        for (int j = i; j < size; j++) {
            to.insert(to.size, this, j);
        }
        size = i;
    }

    /** A deep copy. */
    Chunk copy() {
        return new Chunk(this);
    }
}
