package penstock.plan;

import java.util.Arrays;

/**
 * A time zone's table: {@code offsets[i]} milliseconds hold from {@code starts[i]} (milliseconds UTC, ascending) until
 * the next; {@link #UNKNOWN} where nobody knows.
 */
public record Zone(long[] starts, long[] offsets) {
    public static final long UNKNOWN = Long.MIN_VALUE;

    @Override
    public boolean equals(Object other) {
        return other instanceof Zone zone && Arrays.equals(starts, zone.starts) && Arrays.equals(offsets, zone.offsets);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(starts) + Arrays.hashCode(offsets);
    }

    /** The offset at a time, in milliseconds, or {@link #UNKNOWN}. The first holds before its start too. */
    public long offset(long time) {
        int found = Arrays.binarySearch(starts, time);
        return offsets[Math.max(found < 0 ? -found - 2 : found, 0)];
    }
}
