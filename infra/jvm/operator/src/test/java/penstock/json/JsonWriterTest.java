package penstock.json;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonWriterTest {
    private static String real(double value) {
        JsonWriter writer = new JsonWriter();
        writer.real(value);
        return writer.toText();
    }

    @Test
    void escapesAsPythonDoes() {
        String text = "\"\\/\n\r\t\b\f\u0001\u001f\u007f\u00e9\u20ac\ud83d\ude00";
        String expected = "\"\\\"\\\\/\\n\\r\\t\\b\\f\\u0001\\u001f\u007f\u00e9\u20ac\ud83d\ude00\"";
        assertEquals(expected, new JsonWriter().text(text).toText());
    }

    @Test
    void integers() {
        for (long value : new long[] {0, -1, 9, 10, Long.MAX_VALUE, Long.MIN_VALUE, -4711}) {
            assertEquals(Long.toString(value), new JsonWriter().integer(value).toText());
        }
        Random random = new Random(4);
        for (int i = 0; i < 10_000; i++) {
            long value = random.nextLong() >> random.nextInt(64);
            assertEquals(Long.toString(value), new JsonWriter().integer(value).toText());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0.0, 0.0", "1.0, 1.0", "-2.5, -2.5", "0.1, 0.1", "100.0, 100.0", "0.000123, 0.000123", "0.0001, 0.0001",
        "0.00001, 1e-05", "1.5e-7, 1.5e-07", "1e15, 1000000000000000.0", "1e16, 1e+16", "1.2345e20, 1.2345e+20",
        "123456789012345680, 1.2345678901234568e+17", "12345678.123456789, 12345678.12345679",
        "0.3333333333333333, 0.3333333333333333", "-1e300, -1e+300", "9007199254740993, 9007199254740992.0"
    })
    void doublesAsPythonWritesThem(double value, String expected) {
        assertEquals(expected, real(value));
    }

    @Test
    void doublesReadBackToTheSameBits() {
        Random random = new Random(3);
        for (int i = 0; i < 300_000; i++) {
            double value = switch (i % 3) {
                case 0 -> Double.longBitsToDouble(random.nextLong());
                case 1 -> random.nextInt(2_000_000_000) / 1e6;
                default -> (random.nextDouble() - 0.5) * Math.pow(10, random.nextInt(30) - 8);
            };
            if (Double.isFinite(value)) {
                assertEquals(value, Double.parseDouble(real(value)));
            }
        }
    }
}
