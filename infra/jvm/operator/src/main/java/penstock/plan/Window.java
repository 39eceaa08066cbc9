package penstock.plan;

/** The interval {@code [enter, leave)} of an event's life, in milliseconds. */
public record Window(String kind, String name, long size, long step) {
    /** Later than every event and every watermark. */
    public static final long NEVER = Long.MAX_VALUE;

    public boolean lifetime() {
        return kind.equals("lifetime");
    }

    /** When an event of time {@code e} no longer counts; {@link #NEVER} for a lifetime. Never falls as e grows. */
    public long leave(long e) {
        if (lifetime()) {
            return NEVER;
        }
        long tail = step == 0 ? e : -Math.floorDiv(-e, step) * step;
        return tail + size;
    }
}
