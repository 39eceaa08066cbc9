package penstock.window;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import penstock.plan.Order;

/**
 * Some events of a key in the order (time, id); a link in the key's list of chunks. Ids sort by code point with null
 * first. Times are milliseconds. An event's numbers lie side by side, because they are read together, and each part of
 * memory that is read has to be waited for.
 */
final class Chunk {
    static final int FIRST_ROOM = 4;

    /** A bit of {@link #wheres}: the event came too late for sessions, and is none of theirs. */
    static final long OUTSIDE = 1L << 63;
    /** A bit of {@link #wheres}: the event is not in the view (any more), and only remembered. */
    static final long GONE = 1L << 62;

    private static final ChunkColumns NO_COLUMNS = new ChunkColumns();

    /** The chunks before and after; 0 where there is none. Of the list's first chunk {@code previous} means nothing. */
    long previous;

    long next;
    int size;
    private final ChunkColumns columns;
    /** Event by event, by {@link ChunkColumns#place}. */
    private long[] numbers;
    /** Null when no event has an id. */
    private @Nullable String @Nullable [] ids;
    /** Per argument, by event; null unless a string argument. */
    private final @Nullable String @Nullable [][] texts;
    /** By entry the parts of a step, which then is all that the entry has beside its time; null where entries are events. */
    Accumulator @Nullable [][] steps;

    Chunk(ChunkColumns columns, int room) {
        this.columns = columns;
        numbers = new long[room * columns.width];
        texts = new String[columns.size()][];
        for (int a = 0; a < texts.length; a++) {
            texts[a] = columns.isText(a) ? new String[room] : null;
        }
    }

    Chunk(ChunkColumns columns) {
        this(columns, FIRST_ROOM);
    }

    static Chunk ofSteps(int room) {
        Chunk chunk = new Chunk(NO_COLUMNS, room);
        chunk.steps = new Accumulator[room][];
        return chunk;
    }

    private Chunk(Chunk from) {
        previous = from.previous;
        next = from.next;
        size = from.size;
        columns = from.columns;
        numbers = from.numbers.clone();
        ids = from.ids == null ? null : from.ids.clone();
        texts = new String[from.texts.length][];
        for (int a = 0; a < texts.length; a++) {
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

    long time(int i) {
        return numbers[i * columns.width + ChunkColumns.TIME];
    }

    void setTime(int i, long time) {
        numbers[i * columns.width + ChunkColumns.TIME] = time;
    }

    /** The bits of the arguments that are null. */
    long nulls(int i) {
        return numbers[i * columns.width + ChunkColumns.NULLS];
    }

    void setNulls(int i, long nulls) {
        numbers[i * columns.width + ChunkColumns.NULLS] = nulls;
    }

    /** The bits of the conditions that hold, {@link #OUTSIDE} and {@link #GONE}. */
    long wheres(int i) {
        return numbers[i * columns.width + ChunkColumns.WHERES];
    }

    void setWheres(int i, long wheres) {
        numbers[i * columns.width + ChunkColumns.WHERES] = wheres;
    }

    /** An argument that is no string. */
    long bits(int arg, int i) {
        return numbers[i * columns.width + columns.place(arg)];
    }

    void setBits(int arg, int i, long bits) {
        numbers[i * columns.width + columns.place(arg)] = bits;
    }

    /** An argument that is a string. */
    @Nullable String text(int arg, int i) {
        return texts[arg][i];
    }

    void setText(int arg, int i, @Nullable String text) {
        texts[arg][i] = text;
    }

    boolean hasIds() {
        return ids != null;
    }

    @Nullable String id(int i) {
        return ids == null ? null : ids[i];
    }

    void setId(int i, @Nullable String id) {
        if (id != null && ids == null) {
            ids = new String[room()];
        }
        if (ids != null) {
            ids[i] = id;
        }
    }

    /** Events that fit in without more memory. */
    int room() {
        return numbers.length / columns.width;
    }

    boolean isOutside(int i) {
        return (wheres(i) & OUTSIDE) != 0;
    }

    boolean isGone(int i) {
        return (wheres(i) & GONE) != 0;
    }

    boolean isNull(int arg, int i) {
        return (nulls(i) >>> arg & 1) != 0;
    }

    /** The first place whose event is after (time, id); {@code size} when none is. */
    int placeAfter(long time, @Nullable String id) {
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
    int compare(int i, long time, @Nullable String id) {
        long own = time(i);
        if (own != time) {
            return own < time ? -1 : 1;
        }
        return compareIds(id(i), id);
    }

    private static int compareIds(@Nullable String a, @Nullable String b) {
        if (a == null || b == null) {
            return Boolean.compare(a != null, b != null);
        }
        return Order.compareText(a, b);
    }

    /** Moves all from place {@code i} on one up and copies the event {@code j} of another chunk there. */
    void insert(int i, Chunk from, int j) {
        if (size == room()) {
            resize(2 * size);
        }
        shift(i);
        size++;
        set(i, from, j);
    }

    private void shift(int i) {
        int count = size - i;
        if (count == 0) {
            return;
        }
        System.arraycopy(numbers, i * columns.width, numbers, (i + 1) * columns.width, count * columns.width);
        shift(ids, i, count);
        shift(steps, i, count);
        for (String[] text : texts) {
            shift(text, i, count);
        }
    }

    private static void shift(@Nullable Object column, int i, int count) {
        if (column != null) {
            System.arraycopy(column, i, column, i + 1, count);
        }
    }

    /** Overwrites the event at {@code i}. */
    void set(int i, Chunk from, int j) {
        System.arraycopy(from.numbers, j * columns.width, numbers, i * columns.width, columns.width);
        setId(i, from.id(j));
        if (steps != null) {
            steps[i] = from.steps[j];
        }
        for (int a = 0; a < texts.length; a++) {
            if (texts[a] != null) {
                texts[a][i] = from.texts[a][j];
            }
        }
    }

    private void resize(int room) {
        numbers = Arrays.copyOf(numbers, room * columns.width);
        ids = ids == null ? null : Arrays.copyOf(ids, room);
        steps = steps == null ? null : Arrays.copyOf(steps, room);
        for (int a = 0; a < texts.length; a++) {
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
