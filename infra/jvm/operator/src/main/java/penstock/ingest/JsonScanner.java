package penstock.ingest;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.BitSet;

/**
 * A strict JSON reader over one record's bytes (RFC 8259, whole text, valid UTF-8), made for reading a few fields fast.
 * It moves forward only; each method leaves the place just after what it read.
 */
final class JsonScanner {
    /** Powers of ten that a double holds exactly. */
    private static final double[] POWERS = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22
    };

    private static final long EXACT = 1L << 53;

    /** How many objects and arrays may stand one in another, the record itself among them. */
    static final int NESTING = 256;

    private byte[] in;
    private int at;
    private int end;
    // objects and arrays around the value that is read next
    private int around;

    // the number read last
    private int numberStart;
    private boolean negative;
    private boolean integer;
    private long digits;
    private boolean wide;
    private int exponent;

    void open(byte[] raw) throws BadRecord {
        in = raw;
        at = 0;
        around = 0;
        end = raw.length;
        checkUtf8();
    }

    private void checkUtf8() throws BadRecord {
        int any = 0;
        for (byte b : in) {
            any |= b;
        }
        if (any >= 0) {
            return;
        }
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(in));
        } catch (CharacterCodingException e) {
            throw bad("invalid UTF-8");
        }
    }

    BadRecord bad(String what) {
        return new BadRecord(Bad.NOT_JSON, what + " at byte " + at);
    }

    /** The next byte that is no white space, not consumed; -1 at the end. */
    int peek() {
        while (at < end) {
            byte b = in[at];
            if (b != ' ' && b != '\n' && b != '\r' && b != '\t') {
                return b;
            }
            at++;
        }
        return -1;
    }

    boolean tryTake(char wanted) {
        if (peek() == wanted) {
            at++;
            return true;
        }
        return false;
    }

    void take(char wanted) throws BadRecord {
        if (!tryTake(wanted)) {
            throw bad("'" + wanted + "' is wanted");
        }
    }

    void finish() throws BadRecord {
        if (peek() != -1) {
            throw bad("something follows the value");
        }
    }

    /** Takes a word such as {@code true}. */
    void word(String word) throws BadRecord {
        for (int i = 0; i < word.length(); i++) {
            if (at >= end || in[at] != word.charAt(i)) {
                throw bad("not a value");
            }
            at++;
        }
    }

    /** Reads a field's name: its place in {@code names}, or -1. {@code likely} is tried first. */
    int name(byte[][] names, int likely) throws BadRecord {
        int start = at + 1;
        if (skipString()) {
            return find(names, decode(start, at - 1).getBytes(StandardCharsets.UTF_8));
        }
        int length = at - 1 - start;
        if (likely < names.length && matches(names[likely], start, length)) {
            return likely;
        }
        for (int i = 0; i < names.length; i++) {
            if (matches(names[i], start, length)) {
                return i;
            }
        }
        return -1;
    }

    private boolean matches(byte[] name, int start, int length) {
        return name.length == length && Arrays.equals(name, 0, length, in, start, start + length);
    }

    private static int find(byte[][] names, byte[] name) {
        for (int i = 0; i < names.length; i++) {
            if (Arrays.equals(names[i], name)) {
                return i;
            }
        }
        return -1;
    }

    /** Reads a string. A lone surrogate escape stays in it as half a pair. */
    String string() throws BadRecord {
        int start = at + 1;
        boolean escaped = skipString();
        return escaped ? decode(start, at - 1) : new String(in, start, at - 1 - start, StandardCharsets.UTF_8);
    }

    /** Passes a string, checking its escapes; true when it has some. */
    boolean skipString() throws BadRecord {
        boolean escaped = false;
        at++;
        while (at < end) {
            byte b = in[at];
            if (b == '"') {
                at++;
                return escaped;
            }
            if (b == '\\') {
                escaped = true;
                skipEscape();
            } else if (b >= 0 && b < ' ') {
                throw bad("a control character in a string");
            } else {
                at++;
            }
        }
        throw bad("a string without an end");
    }

    private void skipEscape() throws BadRecord {
        int kind = at + 1 < end ? in[at + 1] : -1;
        if (kind == 'u') {
            for (int i = 2; i < 6; i++) {
                if (at + i >= end || Character.digit(in[at + i], 16) < 0) {
                    throw bad("a wrong escape");
                }
            }
            at += 6;
        } else if (kind > 0 && "\"\\/bfnrt".indexOf(kind) >= 0) {
            at += 2;
        } else {
            throw bad("a wrong escape");
        }
    }

    private String decode(int from, int to) {
        String text = new String(in, from, to - from, StandardCharsets.UTF_8);
        StringBuilder out = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c != '\\') {
                out.append(c);
                continue;
            }
            char kind = text.charAt(++i);
            if (kind == 'u') {
                out.append((char) Integer.parseInt(text, i + 1, i + 5, 16));
                i += 4;
            } else {
                out.append(unescaped(kind));
            }
        }
        return out.toString();
    }

    private static char unescaped(char kind) {
        return switch (kind) {
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            default -> kind;
        };
    }

    /** Tells that the values which follow are in one more object. */
    void enter() {
        around++;
    }

    /** Passes any value of at most {@link #NESTING} levels. */
    void skipValue() throws BadRecord {
        BitSet objects = new BitSet();
        int depth = 0;
        do {
            int next = peek();
            if (next == '{' || next == '[') {
                if (around + depth >= NESTING) {
                    throw bad("nested deeper than " + NESTING + " levels");
                }
                at++;
                objects.set(depth++, next == '{');
                if (!closes(next)) {
                    skipNameIn(objects.get(depth - 1));
                    continue;
                }
                depth--;
            } else {
                skipScalar(next);
            }
            depth = afterValue(objects, depth);
        } while (depth > 0);
    }

    private boolean closes(int open) {
        return tryTake(open == '{' ? '}' : ']');
    }

    private int afterValue(BitSet objects, int depth) throws BadRecord {
        while (depth > 0) {
            boolean object = objects.get(depth - 1);
            if (tryTake(',')) {
                skipNameIn(object);
                return depth;
            }
            take(object ? '}' : ']');
            depth--;
        }
        return 0;
    }

    private void skipNameIn(boolean object) throws BadRecord {
        if (object) {
            if (peek() != '"') {
                throw bad("a name is wanted");
            }
            skipString();
            take(':');
        }
    }

    private void skipScalar(int next) throws BadRecord {
        switch (next) {
            case '"' -> skipString();
            case 't' -> word("true");
            case 'f' -> word("false");
            case 'n' -> word("null");
            default -> number();
        }
    }

    /** Reads a number by JSON's grammar; {@link #isInteger}, {@link #fits}, {@link #asLong} and {@link #asDouble} tell of it. */
    void number() throws BadRecord {
        numberStart = at;
        negative = at < end && in[at] == '-';
        if (negative) {
            at++;
        }
        integer = true;
        wide = false;
        digits = 0;
        exponent = 0;
        if (at < end && in[at] == '0') {
            at++;
        } else {
            digits();
        }
        if (at < end && in[at] == '.') {
            integer = false;
            int point = ++at;
            digits();
            exponent = point - at;
        }
        if (at < end && (in[at] | 0x20) == 'e') {
            integer = false;
            exponentPart();
        }
    }

    private void digits() throws BadRecord {
        int start = at;
        while (at < end && in[at] >= '0' && in[at] <= '9') {
            addDigit(in[at] - '0');
            at++;
        }
        if (at == start) {
            throw bad("not a value");
        }
    }

    // digits run negative, because Long.MIN_VALUE has no positive
    private void addDigit(int digit) {
        if (wide || digits < (Long.MIN_VALUE + digit) / 10) {
            wide = true;
        } else {
            digits = digits * 10 - digit;
        }
    }

    private void exponentPart() throws BadRecord {
        at++;
        boolean minus = at < end && in[at] == '-';
        if (minus || at < end && in[at] == '+') {
            at++;
        }
        int start = at;
        int value = 0;
        while (at < end && in[at] >= '0' && in[at] <= '9') {
            value = Math.min(value * 10 + in[at] - '0', 100_000_000);
            at++;
        }
        if (at == start) {
            throw bad("an exponent without digits");
        }
        exponent += minus ? -value : value;
    }

    /** Had the number no fraction and no exponent? */
    boolean isInteger() {
        return integer;
    }

    /** Does the integer fit int64? */
    boolean fits() {
        return !wide && (negative || digits != Long.MIN_VALUE);
    }

    long asLong() {
        return negative ? digits : -digits;
    }

    /** The greatest whole number that is not above it; the least or greatest long for one beyond. */
    long floor() {
        int mantissa = 0;
        int numberEnd = numberStart + (negative ? 1 : 0);
        while (numberEnd < at && (in[numberEnd] | 0x20) != 'e') {
            mantissa += in[numberEnd++] == '.' ? 0 : 1;
        }
        return floor(numberEnd, mantissa, mantissa + exponent);
    }

    // of so many digits that end there the first {@code whole} are before the point
    private long floor(int numberEnd, int mantissa, int whole) {
        long floor = 0;
        boolean more = false;
        int place = 0;
        for (int i = numberStart + (negative ? 1 : 0); i < numberEnd; i++) {
            if (in[i] == '.') {
                continue;
            }
            if (place++ < whole) {
                floor = tenfold(floor, in[i] - '0');
            } else {
                more |= in[i] != '0';
            }
        }
        for (int i = mantissa; i < whole && floor != 0 && floor != Long.MIN_VALUE; i++) {
            floor = tenfold(floor, 0);
        }
        return negative ? floor - (more && floor != Long.MIN_VALUE ? 1 : 0) : floor == Long.MIN_VALUE ? Long.MAX_VALUE : -floor;
    }

    // runs negative, as the digits do, and stays at the least
    private static long tenfold(long floor, int digit) {
        return floor < (Long.MIN_VALUE + digit) / 10 ? Long.MIN_VALUE : floor * 10 - digit;
    }

    /** The nearest double; infinite when there is none. */
    double asDouble() {
        if (!wide && digits > -EXACT && exponent >= -22 && exponent <= 22) {
            // both operands are exact, so the one operation rounds correctly
            double magnitude = exponent < 0 ? -digits / POWERS[-exponent] : -digits * POWERS[exponent];
            return negative ? -magnitude : magnitude;
        }
        return Double.parseDouble(new String(in, numberStart, at - numberStart, StandardCharsets.ISO_8859_1));
    }
}
