package penstock.plan;

import java.util.Locale;

/** The five value types. All but STRING travel as 64 bits: a float64 as its raw bits, a bool as 0 or 1. */
public enum Type {
    INT64,
    FLOAT64,
    STRING,
    BOOL,
    TIMESTAMP;

    public static Type of(String name) {
        return valueOf(name.toUpperCase(Locale.ROOT));
    }

    public boolean isText() {
        return this == STRING;
    }
}
