package penstock.plan;

/** What a row does to the event that it names. */
public enum Op {
    INSERT,
    UPDATE,
    DELETE;

    /** The operation of this name; null is an insert, and any other text gives null. */
    public static Op of(String name) {
        if (name == null) {
            return INSERT;
        }
        return switch (name) {
            case "insert" -> INSERT;
            case "update" -> UPDATE;
            case "delete" -> DELETE;
            default -> null;
        };
    }
}
