package penstock.plan;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A source and its rules of time, in milliseconds. {@code time} null: a static table; {@code id} null: every row counts;
 * {@code op} null: every row is an insert. {@code tombstones}: a record without a value is no event.
 */
public record Source(
        String name,
        @Nullable String time,
        @Nullable String id,
        @Nullable String op,
        List<Column> columns,
        long lateness,
        long maxAhead,
        long disorder,
        boolean tombstones) {

    /** The place of a column, or -1 for a null name. */
    public int index(@Nullable String column) {
        for (int i = 0; i < columns.size(); i++) {
            if (columns.get(i).name().equals(column)) {
                return i;
            }
        }
        if (column == null) {
            return -1;
        }
        throw new PlanException("source " + name + " has no column " + column);
    }

    /** The same columns as they are once they are read: in their own types alone. */
    public Source asTyped() {
        List<Column> typed = columns.stream()
                .map(column -> new Column(
                        column.name(), column.type(), column.nullable(), Cast.PLAIN, column.dimensions()))
                .toList();
        return new Source(name, time, id, op, typed, lateness, maxAhead, disorder, tombstones);
    }
}
