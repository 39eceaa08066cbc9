package penstock.plan;

/** The interval {@code [enter, leave)} of an event's life, in milliseconds. */
public record Window(String kind, String name, long size, long step, long delay, long offset) {
    /** Later than every event and every watermark. */
    public static final long NEVER = Long.MAX_VALUE;

    public boolean lifetime() {
        return kind.equals("lifetime");
    }

    public boolean session() {
        return kind.equals("session");
    }

    /** Does every event leave alone, at a time of its own? */
    public boolean limited() {
        return !lifetime() && !session();
    }

    /** Can an event enter later than it comes? */
    public boolean waits() {
        return kind.equals("hopping") || delay > 0;
    }

    /** When an event of time {@code e} begins to count. Never falls as e grows. */
    public long enter(long e) {
        return kind.equals("hopping") ? ceil(e) : e + delay;
    }

    /**
     * When an event of time {@code e} no longer counts; {@link #NEVER} for a lifetime. In a session: unless another
     * follows in time. Never falls as e grows.
     */
    public long leave(long e) {
        return switch (kind) {
            case "lifetime" -> NEVER;
            case "hopping" -> ceil(e + size);
            case "calendar" -> e - Math.floorMod(e - offset, size) + size;
            default -> (step == 0 ? e : ceil(e)) + size + delay;
        };
    }

    private long ceil(long x) {
        return -Math.floorDiv(-x, step) * step;
    }
}
