package penstock.plan;

/**
 * The order of values: numbers by value, bools false before true, strings by Unicode code point, vectors by
 * their first element that differs.
 */
public final class Order {
    private Order() {}

    /** Compares two values of one type: numbers by their bits, texts by themselves. */
    public static int compare(Type type, long bitsA, String textA, long bitsB, String textB) {
        return switch (type) {
            case STRING, VECTOR -> compareText(textA, textB);
            case FLOAT64 -> Double.compare(Double.longBitsToDouble(bitsA), Double.longBitsToDouble(bitsB));
            case INT64, BOOL, TIMESTAMP -> Long.compare(bitsA, bitsB);
        };
    }

    /** By code point; {@code String.compareTo} goes by UTF-16 units and puts U+10000 before U+E000. */
    public static int compareText(String a, String b) {
        int length = Math.min(a.length(), b.length());
        for (int i = 0; i < length; i++) {
            char x = a.charAt(i);
            char y = b.charAt(i);
            if (x != y) {
                return Integer.compare(rank(x), rank(y));
            }
        }
        return Integer.compare(a.length(), b.length());
    }

    // a surrogate stands for a code point above every other unit
    private static int rank(char unit) {
        return Character.isSurrogate(unit) ? unit + 0x10000 : unit;
    }
}
