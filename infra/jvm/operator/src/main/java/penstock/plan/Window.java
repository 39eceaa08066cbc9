package penstock.plan;

/** The interval {@code [enter, leave)} of an event's life, in milliseconds. */
public record Window(Kind kind, String name, long size, long step, long delay, long offset) {
    /** What enter and leave go by, at every event: no text is compared there. */
    public enum Kind {
        SLIDING,
        HOPPING,
        CALENDAR,
        SESSION,
        LIFETIME
    }

    /** Later than every event and every watermark. */
    public static final long NEVER = Long.MAX_VALUE;

    public boolean lifetime() {
        return kind == Kind.LIFETIME;
    }

    public boolean session() {
        return kind == Kind.SESSION;
    }

    /** Does every event leave alone, at a time of its own? */
    public boolean limited() {
        return !lifetime() && !session();
    }

    /** Can an event enter later than it comes? */
    public boolean waits() {
        return kind == Kind.HOPPING || delay > 0;
    }

    /** The grid on which events leave, if there is one: those between two of its times leave together; else 0. */
    public long grid() {
        return kind == Kind.SLIDING ? step : 0;
    }

    /** When an event of time {@code e} begins to count. Never falls as e grows. */
    public long enter(long e) {
        return kind == Kind.HOPPING ? ceil(e) : e + delay;
    }

    /**
     * When an event of time {@code e} no longer counts; {@link #NEVER} for a lifetime. In a session: unless another
     * follows in time. Never falls as e grows.
     */
    public long leave(long e) {
        return switch (kind) {
            case LIFETIME -> NEVER;
            case HOPPING -> ceil(e + size);
            case CALENDAR -> e - Math.floorMod(e - offset, size) + size;
            case SLIDING, SESSION -> (step == 0 ? e : ceil(e)) + size + delay;
        };
    }

    /** The longest time from an event to its leaving; of a session, from its last event. */
    public long reach() {
        return size + step + delay;
    }

    private long ceil(long x) {
        return -Math.floorDiv(-x, step) * step;
    }
}
