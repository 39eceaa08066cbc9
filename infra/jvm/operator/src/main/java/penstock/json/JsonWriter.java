package penstock.json;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.io.schubfach.DoubleToDecimal;
import penstock.number.FloatText;
import penstock.plan.Type;

/**
 * Writes JSON into a byte buffer that is used again and again. Strings are escaped and doubles written as Python's
 * {@code json.dumps(ensure_ascii=False)} does, so that a key has one text everywhere. Not for use by several threads.
 */
public final class JsonWriter {
    private static final byte[] HEX = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);
    /** The decimal digits of 0 to 99. */
    private static final byte[] PAIRS = pairs();

    private static final byte[] NULL = ascii("null");
    private static final byte[] TRUE = ascii("true");
    private static final byte[] FALSE = ascii("false");
    private static final byte[] LEAST_LONG = ascii(Long.toString(Long.MIN_VALUE));
    /** At most 15 digits name a double uniquely, so a decimal that short is the shortest text of its double. */
    private static final double UNIQUE = 1e15;

    private static final double MILLION = 1e6;
    /** The most digits of a long, and a sign. */
    private static final int LONGEST = 20;
    /** 10, 100, … as far as a long goes. */
    private static final long[] POWERS = powers();

    private byte[] buffer = new byte[256];
    private int length;

    private static byte[] pairs() {
        byte[] pairs = new byte[200];
        for (int i = 0; i < 100; i++) {
            pairs[2 * i] = (byte) ('0' + i / 10);
            pairs[2 * i + 1] = (byte) ('0' + i % 10);
        }
        return pairs;
    }

    private static long[] powers() {
        long[] powers = new long[18];
        long power = 1;
        for (int i = 0; i < powers.length; i++) {
            power *= 10;
            powers[i] = power;
        }
        return powers;
    }

    public static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    public void clear() {
        length = 0;
    }

    public byte[] toBytes() {
        return Arrays.copyOf(buffer, length);
    }

    public String toText() {
        return new String(buffer, 0, length, StandardCharsets.UTF_8);
    }

    /** Appends bytes that are JSON already. */
    public JsonWriter raw(byte[] bytes) {
        room(bytes.length);
        System.arraycopy(bytes, 0, buffer, length, bytes.length);
        length += bytes.length;
        return this;
    }

    public JsonWriter raw(char c) {
        room(1);
        put(c);
        return this;
    }

    public void nothing() {
        raw(NULL);
    }

    public void bool(boolean value) {
        raw(value ? TRUE : FALSE);
    }

    /** Appends a value of a type: texts from {@code text}, all others from {@code bits}. */
    public void value(Type type, long bits, String text) {
        switch (type) {
            case STRING -> text(text);
            case VECTOR -> vector(text);
            case FLOAT64 -> real(Double.longBitsToDouble(bits));
            case BOOL -> bool(bits != 0);
            case INT64, TIMESTAMP -> integer(bits);
        }
    }

    public JsonWriter integer(long value) {
        if (value == Long.MIN_VALUE) {
            return raw(LEAST_LONG);
        }
        room(LONGEST);
        if (value < 0) {
            put('-');
        }
        putDigits(Math.abs(value));
        return this;
    }

    private void putDigits(long value) {
        int count = 1;
        while (count <= POWERS.length && value >= POWERS[count - 1]) {
            count++;
        }
        putDigits(value, count);
    }

    // from the last digit on; two at once: half the divisions
    private void putDigits(long value, int count) {
        int from = length;
        length += count;
        int at = length;
        long left = value;
        for (; at - from >= 2; at -= 2) {
            int pair = 2 * (int) (left % 100);
            left /= 100;
            buffer[at - 1] = PAIRS[pair + 1];
            buffer[at - 2] = PAIRS[pair];
        }
        if (at > from) {
            buffer[from] = (byte) ('0' + left);
        }
    }

    /** Appends a finite double such that it reads back to the same bits, nearly always as its shortest text. */
    public void real(double value) {
        double size = Math.abs(value);
        double millionths = Math.rint(size * MILLION);
        if (size < UNIQUE && size == (long) size) {
            room(32);
            sign(value);
            putDigits((long) size);
            put('.');
            put('0');
        } else if (size >= 1e-4 && millionths < UNIQUE && millionths / MILLION == size) {
            room(32);
            sign(value);
            decimal((long) millionths);
        } else {
            general(value);
        }
    }

    /** Appends an array: each element as the double that it is. */
    private void vector(String text) {
        raw('[');
        for (int i = 0; i < FloatText.size(text); i++) {
            if (i > 0) {
                raw(',');
            }
            real(FloatText.element(text, i));
        }
        raw(']');
    }

    private void sign(double value) {
        if (Double.doubleToRawLongBits(value) < 0) {
            put('-');
        }
    }

    private void decimal(long millionths) {
        putDigits(millionths / 1_000_000);
        put('.');
        int rest = (int) (millionths % 1_000_000);
        // most values have two places
        if (rest % 10_000 == 0) {
            putDigits(rest / 10_000, 2);
        } else {
            putDigits(rest, 6);
        }
        while (buffer[length - 1] == '0') {
            length--;
        }
    }

    private void general(double value) {
        String java = DoubleToDecimal.toString(value);
        raw(ascii(PythonDouble.fromJava(java)));
    }

    /** Appends a string in quotes. */
    public JsonWriter text(String text) {
        room(2 + 6 * text.length());
        put('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c >= ' ' && c < 0x80 && c != '"' && c != '\\') {
                put(c);
            } else if (c < 0x80) {
                escape(c);
            } else if (Character.isHighSurrogate(c) && i + 1 < text.length()) {
                codePoint(Character.toCodePoint(c, text.charAt(++i)));
            } else {
                codePoint(c);
            }
        }
        put('"');
        return this;
    }

    private void escape(char c) {
        put('\\');
        switch (c) {
            case '"', '\\' -> put(c);
            case '\n' -> put('n');
            case '\r' -> put('r');
            case '\t' -> put('t');
            case '\b' -> put('b');
            case '\f' -> put('f');
            default -> {
                put('u');
                put('0');
                put('0');
                buffer[length++] = HEX[c >> 4];
                buffer[length++] = HEX[c & 15];
            }
        }
    }

    private void codePoint(int c) {
        if (c < 0x800) {
            put(0xC0 | c >> 6);
        } else {
            if (c < 0x10000) {
                put(0xE0 | c >> 12);
            } else {
                put(0xF0 | c >> 18);
                put(0x80 | c >> 12 & 0x3F);
            }
            put(0x80 | c >> 6 & 0x3F);
        }
        put(0x80 | c & 0x3F);
    }

    private void put(int b) {
        buffer[length++] = (byte) b;
    }

    private void room(int more) {
        if (length + more > buffer.length) {
            buffer = Arrays.copyOf(buffer, Math.max(2 * buffer.length, length + more));
        }
    }
}
