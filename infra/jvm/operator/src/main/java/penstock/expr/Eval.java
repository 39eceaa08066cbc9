package penstock.expr;

import penstock.ingest.Row;

/**
 * A compiled expression. The three {@code eval} methods are the ways a value travels; a node has the one of its type
 * (numbers and bools {@code bits} or {@code real}, strings {@code text}). Each sets {@link #isNull} and, where that is
 * true, returns 0 or null. Not for use by several threads.
 */
public abstract class Eval {
    public boolean isNull;

    /** int64, timestamp, bool (0 or 1). */
    public long bits(Row row) {
        throw new UnsupportedOperationException();
    }

    /** float64. */
    public double real(Row row) {
        throw new UnsupportedOperationException();
    }

    /** string. */
    public String text(Row row) {
        throw new UnsupportedOperationException();
    }
}
