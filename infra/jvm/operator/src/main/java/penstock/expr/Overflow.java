package penstock.expr;

/** An int64 result that does not fit: the event is bad for the view. Thrown often, so without a stack trace. */
public final class Overflow extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public Overflow(String op) {
        super(op + " does not fit int64", null, false, false);
    }
}
