package penstock.plan;

import org.jspecify.annotations.Nullable;

/** What a row does to the event that it names. */
public enum Op {
    INSERT,
    UPDATE,
    DELETE;

    /** The operation of this name; null is an insert, and any other text gives null. */
    public static @Nullable Op of(@Nullable String name) {
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
