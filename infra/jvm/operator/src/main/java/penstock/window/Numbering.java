package penstock.window;

/**
 * A key's rows by number. A job that failed may have emitted rows after its last checkpoint, and what is emitted again
 * need not be the same rows: change points fire by the watermark's own pace. So after a restore numbers go on from a
 * floor that grows with the wall clock, faster than any key has rows, and the rows emitted again win at the same time.
 */
final class Numbering {
    /** 2025-01-01, UTC, in milliseconds: numbers stay below 2^53 until 2042. */
    static final long BEGINNING = 1_735_689_600_000L;

    /** Rows that one key may have in a second. */
    static final long PER_SECOND = 1L << 24;

    private boolean pending;
    private long floor;

    Numbering(boolean restored) {
        pending = restored;
    }

    /** @param now the wall-clock time of the first row after a restore, in milliseconds */
    void begin(long now) {
        if (pending) {
            pending = false;
            floor = now < BEGINNING ? 0 : (now - BEGINNING) / 1000 * PER_SECOND;
        }
    }

    /** The number after a key's last one. */
    long after(long last) {
        return Math.max(last, floor) + 1;
    }
}
