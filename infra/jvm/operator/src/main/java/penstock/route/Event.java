package penstock.route;

import org.jspecify.annotations.Nullable;
import penstock.plan.Op;

/** A record as one view sees it. */
public final class Event {
    /** The key columns as canonical JSON. */
    public String key;

    public long time;
    /**
     * Null when the source has no id or this record none. In a union it begins with the place of the source: equal ids of
     * two sources are two events.
     */
    public @Nullable String id;

    /** The place of its source among those of the view. */
    public int source;

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
    public @Nullable String[] texts;
}
