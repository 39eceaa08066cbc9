package penstock.expr;

import java.time.LocalDate;

/** Fields of a time in milliseconds, read as UTC. */
final class Times {
    private static final long HOUR = 3_600_000;
    private static final long DAY = 24 * HOUR;
    /** The epoch was a Thursday. */
    private static final long EPOCH_WEEKDAY = 3;

    private Times() {}

    /** 0 to 23. */
    static long hour(long time) {
        return Math.floorMod(time, DAY) / HOUR;
    }

    /** 0 (Monday) to 6. */
    static long weekday(long time) {
        return Math.floorMod(Math.floorDiv(time, DAY) + EPOCH_WEEKDAY, 7L);
    }

    /** 1 to 12. */
    static long month(long time) {
        return LocalDate.ofEpochDay(Math.floorDiv(time, DAY)).getMonthValue();
    }
}
