package penstock.expr;

import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Functions of texts, by code point. Letters have cases where ASCII has them: Unicode's change with its version. */
final class Texts {
    private static final Pattern WHOLE = Pattern.compile("-?[0-9]+");
    private static final Pattern DECIMAL = Pattern.compile("-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?");
    /** From small to capital letters. */
    private static final int CASE = 'a' - 'A';

    private Texts() {}

    static String lower(String text) {
        return shifted(text, 'A', 'Z', CASE);
    }

    static String upper(String text) {
        return shifted(text, 'a', 'z', -CASE);
    }

    private static String shifted(String text, char first, char last, int by) {
        char[] units = text.toCharArray();
        for (int i = 0; i < units.length; i++) {
            if (units[i] >= first && units[i] <= last) {
                units[i] += by;
            }
        }
        return new String(units);
    }

    /** Code points {@code [start, start + length)}, as far as there are any; neither is negative. */
    static String substring(String text, long start, long length) {
        int from = skip(text, 0, start);
        return text.substring(from, skip(text, from, length));
    }

    /** The place that is so many code points after another one, or the end. */
    private static int skip(String text, int from, long count) {
        int at = from;
        for (long left = count; left > 0 && at < text.length(); left--) {
            at = text.offsetByCodePoints(at, 1);
        }
        return at;
    }

    /** The int64 that a text is in decimal, or null. */
    static @Nullable Long whole(String text) {
        if (!WHOLE.matcher(text).matches()) {
            return null;
        }
        try {
            return Long.parseLong(text);
        } catch (NumberFormatException e) {
            return null;
        }
    }

    static boolean isDecimal(String text) {
        return DECIMAL.matcher(text).matches();
    }
}
