package penstock.ingest;

/** Ends the reading of a record. Bad records may be many, so there is no stack trace. */
final class BadRecord extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient Bad bad;

    BadRecord(String code, String detail) {
        super(code + ": " + detail, null, false, false);
        bad = new Bad(code, detail);
    }

    Bad bad() {
        return bad;
    }
}
