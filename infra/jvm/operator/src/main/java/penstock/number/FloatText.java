package penstock.number;

/**
 * Vectors of float32 as texts whose order is that of their elements, the first one before all others: so state, sorting
 * and serializers have nothing more to know of them. An element is five ASCII characters of seven bits each.
 */
public final class FloatText {
    private static final int CHARS = 5;
    private static final int BITS = 7;
    private static final int MASK = (1 << BITS) - 1;

    private final StringBuilder text = new StringBuilder();

    public void clear() {
        text.setLength(0);
    }

    /** Appends an element, {@code -0.0} as {@code 0.0}. */
    public void add(float element) {
        int bits = Float.floatToRawIntBits(element + 0.0f);
        // as an unsigned number it rises with the element: below zero all bits are turned, from zero on the sign
        int rising = bits ^ (bits >> Integer.SIZE - 1 | Integer.MIN_VALUE);
        for (int shift = (CHARS - 1) * BITS; shift >= 0; shift -= BITS) {
            text.append((char) (rising >>> shift & MASK));
        }
    }

    @Override
    public String toString() {
        return text.toString();
    }

    /** How many elements a text has. */
    public static int size(String text) {
        return text.length() / CHARS;
    }

    /** An element of a text. */
    public static float element(String text, int place) {
        int rising = 0;
        for (int i = place * CHARS; i < (place + 1) * CHARS; i++) {
            rising = rising << BITS | text.charAt(i);
        }
        return Float.intBitsToFloat(rising ^ (rising < 0 ? Integer.MIN_VALUE : -1));
    }
}
