package penstock.time;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * How far all readers of a job are, whatever processes they run in. It lives in the job manager, where the enumerators of
 * all sources of a job are in one process.
 */
public final class Fleet {
    private static final Map<String, Fleet> JOBS = new ConcurrentHashMap<>();

    private final Map<Reader, Long> reached = new ConcurrentHashMap<>();

    private record Reader(String source, int subtask) {}

    public static Fleet of(String job) {
        return JOBS.computeIfAbsent(job, name -> new Fleet());
    }

    /** The source's readers begin: until each has told how far it is, nobody reads far. */
    public void begin(String source, int readers) {
        reached.keySet().removeIf(reader -> reader.source.equals(source));
        for (int subtask = 0; subtask < readers; subtask++) {
            tell(source, subtask, Long.MIN_VALUE);
        }
    }

    /** One reader is so far. */
    public void tell(String source, int subtask, long time) {
        reached.put(new Reader(source, subtask), time);
    }

    /** How far the slowest reader is. */
    public long least() {
        long least = Long.MAX_VALUE;
        for (long time : reached.values()) {
            least = Math.min(least, time);
        }
        return least;
    }
}
