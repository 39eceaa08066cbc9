package penstock.window;

import java.util.stream.IntStream;

/** How many of a test's random rounds are played: all with {@code -Dpenstock.soak=true} (make soak), else an eighth. */
final class Soak {
    private static final boolean ALL = Boolean.getBoolean("penstock.soak");
    private static final int PART = 8;

    private Soak() {}

    /** The seeds from 0 on. */
    static int[] seeds(int rounds) {
        return IntStream.range(0, ALL ? rounds : (rounds + PART - 1) / PART).toArray();
    }

    /** The distance between two of a series of rounds. */
    static int step(int every) {
        return ALL ? every : every * PART / 2;
    }
}
