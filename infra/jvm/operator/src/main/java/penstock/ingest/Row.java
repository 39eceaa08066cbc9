package penstock.ingest;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One record of a source: its typed columns, or why it is bad. The arrays follow the source's declared columns; a
 * column that no plan uses is checked but may hold nothing.
 */
public final class Row {
    public final byte[] raw;
    /** Less than 0 for a row of history, see {@link #history}. */
    public final int partition;
    public final long offset;
    /** Event time in milliseconds; meaningless when {@link #bad}. */
    public long time;
    public long[] bits;
    public @Nullable String[] texts;
    public boolean[] nulls;
    /** Null for a good row. */
    public @Nullable Bad bad;

    public Row(byte[] raw, int partition, long offset) {
        this.raw = raw;
        this.partition = partition;
        this.offset = offset;
    }

    /** What stands for the partition of rows from a file of history; their offsets are their places in the file. */
    public static int history(int lane) {
        return -1 - lane;
    }

    /** The file of history that the row is from; less than 0 for a record of Kafka. */
    public int lane() {
        return -1 - partition;
    }

    /** Makes room for the values of {@code columns} columns, all null. */
    void room(int columns) {
        bits = new long[columns];
        texts = new String[columns];
        nulls = new boolean[columns];
        Arrays.fill(nulls, true);
    }
}
