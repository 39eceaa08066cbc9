package penstock.ingest;

/** Why a record is bad: a reason word and a text for people. */
public record Bad(String code, String detail) {
    public static final String NOT_JSON = "not json";
    public static final String WRONG_TYPE = "wrong type";
    public static final String OUT_OF_RANGE = "out of range";
    public static final String MISSING_TIME = "missing time";
    public static final String MISSING_VALUE = "missing value";
    public static final String MISSING_KEY = "missing key";
    public static final String TOO_FAR_AHEAD = "too far ahead";
    public static final String OVERFLOW = "overflow";
    public static final String TOO_LONG = "too long";

    /** Of a record without a value where that is no event, and so not bad. */
    public static final Bad TOMBSTONE = new Bad("tombstone", "");

    /** All reason words. */
    public static String[] codes() {
        return new String[] {
            NOT_JSON,
            WRONG_TYPE,
            OUT_OF_RANGE,
            MISSING_TIME,
            MISSING_VALUE,
            MISSING_KEY,
            TOO_FAR_AHEAD,
            OVERFLOW,
            // counts are kept by place: a later one stands at the end
            TOO_LONG
        };
    }
}
