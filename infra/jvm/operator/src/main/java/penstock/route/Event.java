package penstock.route;

import penstock.plan.Op;

/** A record as one view sees it. */
public final class Event {
    /** The key columns as canonical JSON. */
    public String key;

    public long time;
    /** Null when the source has no id or this record none. */
    public String id;

    public int partition;
    public long offset;
    public Op op = Op.INSERT;
    /** It is not in the view: deleted, or left out by the filter after it may have been in. Then there are no values. */
    public boolean gone;
    /** Bit i: argument i is null. */
    public long nulls;
    /** Bit i: condition i is true. */
    public long wheres;
    /** Per argument, unless it is a string. */
    public long[] bits;
    /** Per argument that is a string. */
    public String[] texts;
}
