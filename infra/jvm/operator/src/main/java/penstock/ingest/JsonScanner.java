package penstock.ingest;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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

    private static final VarHandle EIGHT =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    /** One in each of eight bytes. */
    private static final long EACH = 0x0101010101010101L;

    /** How much of a value is shown, in bytes. */
    private static final int SHOWN = 40;

    private static final long[] TENS = new long[19];

    static {
        TENS[0] = 1;
        for (int i = 1; i < TENS.length; i++) {
            TENS[i] = TENS[i - 1] * 10;
        }
    }

    /** A whole number has at most so many digits; what has more is as good as infinite. */
    static final int MOST_DIGITS = 38;

    static final String HUGE = "infinite";

    /** How many objects and arrays may stand one in another, the record itself among them. */
    static final int NESTING = 256;

    private byte[] in;
    private int at;
    private int end;
    // objects and arrays around the value that is read next
    private int around;

    // the string passed last, without its quotes
    private int textStart;
    private int textEnd;

    // the number read last
    private int numberEnd;
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

    /** Has no text but this one, to be read as a {@link #numeral} or by its bytes. */
    void openText(byte[] text) {
        in = text;
        textStart = 0;
        textEnd = text.length;
    }

    byte[] bytes() {
        return in;
    }

    int textStart() {
        return textStart;
    }

    int textEnd() {
        return textEnd;
    }

    int place() {
        return at;
    }

    private void checkUtf8() throws BadRecord {
        if (!isUtf8(in)) {
            throw bad("invalid UTF-8");
        }
    }

    static boolean isUtf8(byte[] text) {
        int any = 0;
        for (byte b : text) {
            any |= b;
        }
        if (any >= 0) {
            return true;
        }
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text));
            return true;
        } catch (CharacterCodingException e) {
            return false;
        }
    }

    /** The beginning of the value that stands from there to what was read last, for people. */
    String shown(int start) {
        int length = Math.min(at - start, SHOWN);
        String text = new String(in, start, length, StandardCharsets.UTF_8);
        return at - start > SHOWN ? text + "…" : text;
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

    /** Passes a string, whose bytes then lie between {@link #textStart} and {@link #textEnd}; true with escapes. */
    boolean text() throws BadRecord {
        textStart = at + 1;
        boolean escaped = skipString();
        textEnd = at - 1;
        return escaped;
    }

    /** The string that was passed last. */
    String textString(boolean escaped) {
        return escaped
                ? decode(textStart, textEnd)
                : new String(in, textStart, textEnd - textStart, StandardCharsets.UTF_8);
    }

    /** Is the text that was passed last a number: JSON's grammar, and leading zeros? If so it is read as one. */
    boolean numeral() {
        int after = at;
        int ended = end;
        at = textStart;
        end = textEnd;
        try {
            number(true);
            return at == textEnd;
        } catch (BadRecord e) {
            return false;
        } finally {
            at = after;
            end = ended;
        }
    }

    /** Passes a string, checking its escapes; true when it has some. */
    boolean skipString() throws BadRecord {
        boolean escaped = false;
        at++;
        passPlain();
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

    /** Passes what is neither the end of a string nor an escape nor a control character, eight bytes at a time. */
    private void passPlain() {
        while (at + Long.BYTES <= end) {
            long bytes = (long) EIGHT.get(in, at);
            long quote = bytes ^ EACH * '"';
            long escape = bytes ^ EACH * '\\';
            // of each byte the highest bit: a lower byte that is none of them cannot set it
            long special = (quote - EACH & ~quote | escape - EACH & ~escape | bytes - EACH * ' ' & ~bytes) & EACH * 0x80;
            if (special != 0) {
                at += Long.numberOfTrailingZeros(special) / Byte.SIZE;
                return;
            }
            at += Long.BYTES;
        }
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

    /** Tells that the values which follow are in one more object or array. */
    void enter() {
        around++;
    }

    /** Tells that it has ended. */
    void leave() {
        around--;
    }

    /** Passes any value of at most {@link #NESTING} levels. */
    void skipValue() throws BadRecord {
        int first = peek();
        if (first != '{' && first != '[') {
            skipScalar(first);
            return;
        }
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

    /** Does a number come next? */
    boolean isNumber() {
        int next = peek();
        return next == '-' || next >= '0' && next <= '9';
    }

    /** Reads a number by JSON's grammar; {@link #isInteger}, {@link #fits}, {@link #asLong} and {@link #asDouble} tell of it. */
    void number() throws BadRecord {
        number(false);
    }

    private void number(boolean leadingZeros) throws BadRecord {
        numberStart = at;
        negative = at < end && in[at] == '-';
        if (negative) {
            at++;
        }
        integer = true;
        wide = false;
        digits = 0;
        exponent = 0;
        if (!leadingZeros && at < end && in[at] == '0') {
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
        numberEnd = at;
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

    /** The greatest whole number not above {@code number * 10^power}; the least or greatest long for one beyond. */
    long floor(int power) {
        int mantissa = 0;
        int mantissaEnd = numberStart + (negative ? 1 : 0);
        while (mantissaEnd < numberEnd && (in[mantissaEnd] | 0x20) != 'e') {
            mantissa += in[mantissaEnd++] == '.' ? 0 : 1;
        }
        return floor(mantissaEnd, mantissa, mantissa + exponent + power);
    }

    // of so many digits that end there the first {@code whole} are before the point
    private long floor(int mantissaEnd, int mantissa, int whole) {
        long floor = 0;
        boolean more = false;
        int place = 0;
        for (int i = numberStart + (negative ? 1 : 0); i < mantissaEnd; i++) {
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
        return Double.parseDouble(new String(in, numberStart, numberEnd - numberStart, StandardCharsets.ISO_8859_1));
    }

    /**
     * The digits of {@code number * 10^places} without leading zeros, "0" for zero; null where it is not whole, and
     * {@link #HUGE} where it has more than {@link #MOST_DIGITS}. Without its sign.
     */
    String scaled(int places) {
        StringBuilder digits = new StringBuilder();
        // digits of zero since the last other one
        int zeros = 0;
        long beyond = 0;
        for (int i = numberStart + (negative ? 1 : 0); i < numberEnd && (in[i] | 0x20) != 'e'; i++) {
            if (in[i] == '0') {
                zeros += digits.length() > 0 || beyond > 0 ? 1 : 0;
            } else if (in[i] != '.') {
                beyond = digits.length() + zeros > MOST_DIGITS ? beyond + zeros + 1 : beyond;
                if (beyond == 0) {
                    addZeros(digits, zeros).append((char) in[i]);
                }
                zeros = 0;
            }
        }
        if (digits.isEmpty()) {
            return "0";
        }
        long more = (long) exponent + zeros + places;
        if (more < 0) {
            return null;
        }
        return beyond > 0 || digits.length() + more > MOST_DIGITS ? HUGE : addZeros(digits, (int) more).toString();
    }

    private static StringBuilder addZeros(StringBuilder digits, int count) {
        for (int i = 0; i < count; i++) {
            digits.append('0');
        }
        return digits;
    }

    boolean isNegative() {
        return negative;
    }

    /** Is {@code number * 10^places} whole and, without its sign, below {@code limit}? */
    boolean isDecimal(int places, long limit) {
        int shift = exponent + places;
        if (!wide && digits > Long.MIN_VALUE && shift >= -18 && shift <= 18) {
            long size = -digits;
            return shift < 0
                    ? size % TENS[-shift] == 0 && size / TENS[-shift] < limit
                    : size == 0 || size <= (limit - 1) / TENS[shift];
        }
        String units = scaled(places);
        return units != null && !units.equals(HUGE) && units.length() <= 18 && Long.parseLong(units) < limit;
    }
}
