package penstock.plan;

import java.util.Locale;

/**
 * The value types. All but STRING and VECTOR travel as 64 bits: a float64 as its raw bits, a bool as 0 or 1. A vector
 * travels as a text that {@link penstock.number.FloatText} writes.
 */
public enum Type {
    INT64,
    FLOAT64,
    STRING,
    BOOL,
    TIMESTAMP,
    VECTOR;

    private static final String VECTORS = "float32[";

    public static Type of(String name) {
        return name.startsWith(VECTORS) ? VECTOR : valueOf(name.toUpperCase(Locale.ROOT));
    }

    /** How many elements a vector of the named type has; 0 of any other. */
    public static int dimensions(String name) {
        return name.startsWith(VECTORS) ? Integer.parseInt(name.substring(VECTORS.length(), name.length() - 1)) : 0;
    }

    /** Does it travel as text? */
    public boolean isText() {
        return this == STRING || this == VECTOR;
    }
}
