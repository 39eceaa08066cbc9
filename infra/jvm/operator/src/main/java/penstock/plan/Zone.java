package penstock.plan;

import java.util.Arrays;

/**
 * A time zone's table: {@code offsets[i]} milliseconds hold from {@code starts[i]} (milliseconds UTC, ascending) until
 * the next; {@link #UNKNOWN} where nobody knows.
 */
public record Zone(long[] starts, long[] offsets) {
    public static final long UNKNOWN = Long.MIN_VALUE;

    /** The offset at a time, in milliseconds, or {@link #UNKNOWN}. The first holds before its start too. */
    public long offset(long time) {
        int found = Arrays.binarySearch(starts, time);
        return offsets[Math.max(found < 0 ? -found - 2 : found, 0)];
    }
}
