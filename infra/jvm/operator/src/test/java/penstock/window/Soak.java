package penstock.window;

import java.util.stream.IntStream;

/** How many of a test's random rounds are played: all with {@code -Dpenstock.soak=true} (make soak), else an eighth. */
final class Soak {
    private static final boolean ALL = Boolean.getBoolean("penstock.soak");
    private static final int PART = 8;

    private Soak() {}

    /** The seeds from 0 on, and in any case those of {@code found}, which found faults. */
    static int[] seeds(int rounds, int... found) {
        int played = ALL ? rounds : (rounds + PART - 1) / PART;
        return IntStream.concat(
                        IntStream.range(0, played),
                        IntStream.of(found).filter(seed -> seed >= played && seed < rounds))
                .toArray();
    }

    /** The distance between two of a series of rounds. */
    static int step(int every) {
        return ALL ? every : every * PART / 2;
    }
}
