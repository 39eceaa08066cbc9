package penstock.route;

/** A record as one view sees it. */
public final class Event {
    /** The key columns as canonical JSON. */
    public String key;

    public long time;
    /** Null when the source has no id or this record none. */
    public String id;

    public int partition;
    public long offset;
    /** Bit i: argument i is null. */
    public long nulls;
    /** Bit i: condition i is true. */
    public long wheres;
    /** Per argument, unless it is a string. */
    public long[] bits;
    /** Per argument that is a string. */
    public String[] texts;
}
