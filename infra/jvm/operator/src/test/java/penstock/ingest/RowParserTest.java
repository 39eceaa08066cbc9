package penstock.ingest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import penstock.Plans;
import penstock.plan.PlanReader;
import penstock.plan.Source;

class RowParserTest {
    private static final Source SOURCE = PlanReader.read(Plans.view(
                    Plans.source("id", 0), Plans.sliding(1, 0), Plans.feature("f", "count", null, null, 0, "int64")))
            .sources()
            .get(0);
    private static final int N = 3;
    private static final int X = 4;
    private static final int S = 5;

    private static Row parse(byte[] raw, long timestamp, long now) {
        return new RowParser(SOURCE, Set.of("s"), () -> now).parse(raw, 1, 2, timestamp);
    }

    private static Row parse(byte[] raw, long timestamp) {
        return parse(raw, timestamp, RowParser.TIME_MAX);
    }

    private static Row parse(String json) {
        return parse(json.getBytes(StandardCharsets.UTF_8), RowParser.NO_TIMESTAMP);
    }

    private static Row good(String json) {
        Row row = parse(json);
        assertNull(row.bad, json);
        return row;
    }

    private static void bad(String code, String json) {
        Row row = parse(json);
        assertNotNull(row.bad, json);
        assertEquals(code, row.bad.code(), json);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "", " ", "x", "null", "[]", "1", "{", "{}x", "{\"ts\":1,}", "{\"ts\" 1}", "{\"ts\":01}", "{\"ts\":1.}",
                "{\"ts\":.5}", "{\"ts\":+1}", "{\"ts\":-}", "{\"ts\":1e}", "{\"ts\":NaN}", "{\"o\":Infinity}",
                "{\"o\":[1,]}", "{\"o\":[1}", "{\"o\":{\"a\"}}", "{\"o\":\"\\x\"}", "{\"o\":\"\\u12g4\"}",
                "{\"o\":\"a\nb\"}", "{\"o\":\"a", "{'ts':1}", "{\"o\":tru}", "\ufeff{\"ts\":1}", "{\"ts\":1}{}",
                "{\"ts\":1,\"s\":\"\\ud83d\"}", "{\"ts\":1,\"s\":\"\\ude00\\ud83d\"}", "{\"ts\":1,\"x\":1e999}",
                "{\"ts\":1,\"x\":-1e400}", "{\"o\":[[[{\"a\":[}]]]}"
            })
    void notJson(String json) {
        bad(Bad.NOT_JSON, json);
    }

    @Test
    void bytesThatAreNoUtf8() {
        for (int[] bytes : new int[][] {{0xFF}, {0xC0, 0x80}, {0xED, 0xA0, 0x80}, {0xF5, 0x80, 0x80, 0x80}, {0xC3}}) {
            byte[] raw = "{\"ts\":1,\"o\":\"....\"}".getBytes(StandardCharsets.US_ASCII);
            for (int i = 0; i < bytes.length; i++) {
                raw[13 + i] = (byte) bytes[i];
            }
            assertEquals(Bad.NOT_JSON, parse(raw, RowParser.NO_TIMESTAMP).bad.code());
        }
        assertEquals(Bad.NOT_JSON, parse(null, RowParser.NO_TIMESTAMP).bad.code());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"ts\":\"1\"}", "{\"ts\":true}", "{\"ts\":[1]}", "{\"ts\":1,\"n\":3.0}", "{\"ts\":1,\"n\":1e2}",
                "{\"ts\":1,\"n\":false}", "{\"ts\":1,\"x\":\"1\"}", "{\"ts\":1,\"s\":1}", "{\"ts\":1,\"b\":0}",
                "{\"ts\":1,\"s\":{\"a\":[1,2]}}", "{\"ts\":1,\"k\":null,\"k\":5}"
            })
    void wrongType(String json) {
        bad(Bad.WRONG_TYPE, json);
    }

    @Test
    void outOfRange() {
        bad(Bad.OUT_OF_RANGE, "{\"ts\":1,\"n\":9223372036854775808}");
        bad(Bad.OUT_OF_RANGE, "{\"ts\":1,\"n\":-9223372036854775809}");
        bad(Bad.OUT_OF_RANGE, "{\"ts\":1,\"n\":123456789012345678901234567890}");
        bad(Bad.OUT_OF_RANGE, "{\"ts\":253402300800000}");
        bad(Bad.OUT_OF_RANGE, "{\"ts\":-62135596800001}");
        bad(Bad.OUT_OF_RANGE, "{\"ts\":1e999}");
        assertEquals(253402300799999L, good("{\"ts\":253402300799999}").time);
        assertEquals(-62135596800000L, good("{\"ts\":-62135596800000}").time);
    }

    @Test
    void missing() {
        bad(Bad.MISSING_TIME, "{}");
        bad(Bad.MISSING_TIME, "{\"ts\":null}");
        bad(Bad.MISSING_TIME, "{\"ts\":1,\"ts\":null}");
    }

    @Test
    void tooFarAhead() {
        byte[] raw = "{\"ts\":5000}".getBytes(StandardCharsets.US_ASCII);
        assertNull(parse(raw, 4000).bad);
        assertEquals(Bad.TOO_FAR_AHEAD, parse(raw, 3999).bad.code());
        assertNull(parse(raw, RowParser.NO_TIMESTAMP).bad);
        for (long timestamp : new long[] {RowParser.NO_TIMESTAMP, -2, RowParser.TIME_MAX}) {
            Row row = parse("{\"ts\":253370764800000}".getBytes(StandardCharsets.UTF_8), timestamp, 1_800_000_000_000L);
            assertEquals(Bad.TOO_FAR_AHEAD, row.bad.code());
        }
    }

    @Test
    void theFirstFlawByColumnCounts() {
        bad(Bad.WRONG_TYPE, "{\"x\":1e999,\"n\":\"a\"}");
        bad(Bad.NOT_JSON, "{\"b\":1,\"x\":1e999}");
    }

    @Test
    void ofAFieldThatStandsTwiceTheLastCounts() {
        assertEquals(2, good("{\"ts\":1,\"ts\":2}").time);
        assertEquals(7, good("{\"ts\":1,\"n\":\"x\",\"n\":7}").bits[N]);
        assertTrue(good("{\"ts\":1,\"n\":7,\"n\":null}").nulls[N]);
    }

    @Test
    void fieldsInAnyOrderEscapedNamesAndOthers() {
        Row row = good(" {\"o\":{\"a\":[1,{\"b\":null}],\"c\":\"\\ud800\"},\"s\":\"a\\\"\\u00e9\u20ac\\ud83d\\ude00\\n\" ,"
                + "\"\\u0074s\" : 3.9, \"x\":-0.0 ,\"n\":-0}\r\n");
        assertEquals(3, row.time);
        assertEquals("a\"\u00e9\u20ac\ud83d\ude00\n", row.texts[S]);
        assertEquals(0L, row.bits[X]);
        assertEquals(0L, row.bits[N]);
        assertTrue(row.nulls[1]);
    }

    @Test
    void timestampsAreFloored() {
        assertEquals(-2, good("{\"ts\":-1.5}").time);
        assertEquals(1500, good("{\"ts\":1.5e3}").time);
        assertEquals(0, good("{\"ts\":1e-400}").time);
        assertEquals(-1, good("{\"ts\":-1e-400}").time);
        assertEquals(0, good("{\"ts\":-0.0}").time);
        assertEquals(1_700_000_000_000L, good("{\"ts\":1700000000000.9999}").time);
        assertEquals(1_700_000_000_000L, good("{\"ts\":1700000000000" + ".9".repeat(1) + "9".repeat(5_000) + "}").time);
        assertEquals(-1_700_000_000_001L, good("{\"ts\":-1700000000000.00000001}").time);
        assertEquals(1_700_000_000_000L, good("{\"ts\":1.7000000000009e12,\"ts\":1.700000000000000009E+12}").time);
        assertEquals(253402300799999L, good("{\"ts\":253402300799999.99999}").time);
        bad(Bad.OUT_OF_RANGE, "{\"ts\":-62135596800000.00001}");
        bad(Bad.OUT_OF_RANGE, "{\"ts\":9223372036854775807.5}");
        bad(Bad.OUT_OF_RANGE, "{\"ts\":-9223372036854775808.5}");
        bad(Bad.OUT_OF_RANGE, "{\"ts\":1e99999999999999999999}");
        bad(Bad.OUT_OF_RANGE, "{\"ts\":-1e400}");
    }

    @Test
    void timestampsAreFlooredAsDecimals() {
        Random random = new Random(6);
        for (int i = 0; i < 50_000; i++) {
            BigDecimal value = new BigDecimal(new BigInteger(random.nextInt(80), random), random.nextInt(40) - 8);
            String text = (random.nextBoolean() ? "-" : "") + (i % 2 == 0 ? value : value.toPlainString()) + (i % 3 == 0 ? "e0" : "");
            if (!text.matches("-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?")) {
                continue;
            }
            BigDecimal floor = new BigDecimal(text).setScale(0, RoundingMode.FLOOR);
            boolean fits = floor.abs().compareTo(BigDecimal.valueOf(62_000_000_000_000L)) < 0;
            if (fits) {
                assertEquals(floor.longValueExact(), good("{\"ts\":" + text + "}").time, text);
            } else if (floor.abs().compareTo(BigDecimal.valueOf(253_402_300_799_999L)) > 0) {
                bad(Bad.OUT_OF_RANGE, "{\"ts\":" + text + "}");
            }
        }
    }

    @Test
    void nestingHasALimit() {
        for (String[] kind : new String[][] {{"[", "]"}, {"{\"a\":", "}"}, {"[{\"b\":[", "]}]"}}) {
            int levels = kind[0].startsWith("[{") ? 3 : 1;
            int most = (JsonScanner.NESTING - 1) / levels;
            String middle = kind[0].startsWith("{") ? "1" : "";
            assertEquals(1, good("{\"o\":" + kind[0].repeat(most) + middle + kind[1].repeat(most) + ",\"ts\":1}").time);
            bad(Bad.NOT_JSON, "{\"o\":" + kind[0].repeat(most + 1) + middle + kind[1].repeat(most + 1) + ",\"ts\":1}");
        }
        bad(Bad.NOT_JSON, "{\"ts\":1,\"s\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}");
        bad(Bad.NOT_JSON, "{\"o\":" + "[".repeat(100_000));
        assertEquals(1, good("{\"o\":\"" + "[".repeat(1_000) + "\",\"p\":[" + "[],".repeat(1_000) + "1],\"ts\":1}").time);
    }

    @Test
    void longsOfAllSizes() {
        Random random = new Random(4);
        for (int i = 0; i < 20_000; i++) {
            long value = random.nextLong() >> random.nextInt(64);
            assertEquals(value, good("{\"ts\":1,\"n\":" + value + "}").bits[N]);
        }
        assertEquals(Long.MIN_VALUE, good("{\"ts\":1,\"n\":" + Long.MIN_VALUE + "}").bits[N]);
        assertEquals(Long.MAX_VALUE, good("{\"ts\":1,\"n\":" + Long.MAX_VALUE + "}").bits[N]);
    }

    @Test
    void doublesAreTheNearest() {
        Random random = new Random(5);
        for (int i = 0; i < 50_000; i++) {
            double value = Double.longBitsToDouble(random.nextLong());
            if (!Double.isFinite(value)) {
                continue;
            }
            String text = switch (i % 3) {
                case 0 -> Double.toString(value);
                case 1 -> String.format(Locale.ROOT, "%." + random.nextInt(12) + "f", random.nextGaussian() * 1e4);
                default -> Long.toString(random.nextLong());
            };
            double expected = Double.parseDouble(text) + 0.0;
            assertEquals(expected, Double.longBitsToDouble(good("{\"ts\":1,\"x\":" + text + "}").bits[X]), text);
        }
    }

    @Test
    void rowsReadBack() throws Exception {
        for (String json : new String[] {"{\"ts\":9,\"n\":5,\"s\":\"\u20ac\",\"b\":true}", "{"}) {
            Row row = parse(json);
            RowSerializer serializer = new RowSerializer();
            DataOutputSerializer out = new DataOutputSerializer(64);
            serializer.serialize(row, out);
            Row back = serializer.deserialize(new DataInputDeserializer(out.getCopyOfBuffer()));
            assertEquals(row.bad, back.bad);
            assertEquals(json, new String(back.raw, StandardCharsets.UTF_8));
            assertEquals(row.bad == null ? row.time : 0, back.time);
            assertEquals(row.bad == null ? row.texts[S] : null, back.bad == null ? back.texts[S] : null);
        }
    }
}
