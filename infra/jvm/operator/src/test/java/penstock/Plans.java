package penstock;

/** Small plans for tests: a source with a column of each type and views that the caller fills. */
public final class Plans {
    private static final String COLUMNS = column("ts", "timestamp", false)
            + "," + column("id", "string", true)
            + "," + column("k", "string", true)
            + "," + column("n", "int64", true)
            + "," + column("x", "float64", true)
            + "," + column("s", "string", true)
            + "," + column("b", "bool", true);

    private Plans() {}

    private static String column(String name, String type, boolean nullable) {
        return "{\"name\":\"" + name + "\",\"type\":\"" + type + "\",\"nullable\":" + nullable + "}";
    }

    /** A source; {@code id} is a column's name or null. */
    public static String source(String id, long lateness) {
        return source("src", id, lateness);
    }

    /** The union of sources {@code a}, without ids, and {@code b}, with ids. */
    public static String union(long lateness) {
        return "{\"union\":[" + source("a", null, 0) + "," + source("b", "id", lateness) + "]}";
    }

    private static String source(String name, String id, long lateness) {
        return "{\"name\":\"" + name + "\",\"time\":\"ts\",\"id\":" + quoted(id) + ",\"columns\":[" + COLUMNS
                + "],\"lateness_ms\":" + lateness + ",\"max_ahead_ms\":1000,\"disorder_ms\":0}";
    }

    private static String quoted(String text) {
        return text == null ? "null" : "\"" + text + "\"";
    }

    /** A reference to a column. */
    public static String ref(String name, String type) {
        return "{\"op\":\"column\",\"name\":\"" + name + "\",\"type\":\"" + type + "\"}";
    }

    public static String sliding(long size, long step) {
        return "{\"kind\":\"sliding\",\"name\":\"w\",\"size_ms\":" + size + ",\"step_ms\":" + step + ",\"delay_ms\":0}";
    }

    public static String lifetime() {
        return "{\"kind\":\"lifetime\",\"name\":\"l\",\"size_ms\":0,\"step_ms\":0,\"delay_ms\":0}";
    }

    /** A window of any kind, all lengths in milliseconds. */
    public static String window(String kind, long size, long step, long delay, long offset) {
        return "{\"kind\":\"" + kind + "\",\"name\":\"w\",\"size_ms\":" + size + ",\"step_ms\":" + step
                + ",\"delay_ms\":" + delay + ",\"offset_ms\":" + offset + "}";
    }

    /** An aggregate of an argument over a window; {@code arg} is an index or null, {@code where} likewise. */
    public static String feature(String name, String aggregate, Integer arg, Integer where, int window, String type) {
        return "{\"name\":\"" + name + "\",\"aggregate\":\"" + aggregate + "\",\"arg\":" + arg + ",\"where\":" + where
                + ",\"window\":" + window + ",\"type\":\"" + type + "\"}";
    }

    /** A view of key k over arguments n (int64), x (float64, 6 places) and s (string), with the condition b. */
    public static String view(String source, String windows, String features) {
        return "{\"format\":1,\"kind\":\"view\",\"name\":\"v\",\"source\":" + source
                + ",\"key\":[{\"name\":\"k\",\"type\":\"string\"}],\"filter\":null,\"args\":["
                + "{\"expr\":" + ref("n", "int64") + ",\"type\":\"int64\",\"places\":0},"
                + "{\"expr\":" + ref("x", "float64") + ",\"type\":\"float64\",\"places\":6},"
                + "{\"expr\":" + ref("s", "string") + ",\"type\":\"string\",\"places\":null}"
                + "],\"wheres\":[" + ref("b", "bool") + "],\"windows\":[" + windows + "],\"features\":[" + features
                + "]}";
    }
}
