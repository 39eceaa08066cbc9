package penstock.expr;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import penstock.Plans;
import penstock.ingest.Row;
import penstock.ingest.RowParser;
import penstock.plan.Expr;
import penstock.plan.PlanException;
import penstock.plan.PlanReader;
import penstock.plan.Source;
import penstock.plan.Type;
import penstock.plan.Zone;

class ExprCompilerTest {
    private static final Source SOURCE = PlanReader.read(Plans.view(
                    Plans.source(null, 0), Plans.sliding(1, 0), Plans.feature("f", "count", null, null, 0, "int64")))
            .sources()
            .get(0);
    private static final Expr N = column("n", Type.INT64);
    private static final Expr X = column("x", Type.FLOAT64);
    private static final Expr S = column("s", Type.STRING);
    private static final Expr B = column("b", Type.BOOL);
    private static final Expr TS = column("ts", Type.TIMESTAMP);

    private static Expr column(String name, Type type) {
        return new Expr("column", type, name, null, List.of());
    }

    private static Expr literal(Object value, Type type) {
        return new Expr("literal", type, null, value, List.of());
    }

    private static Expr op(String op, Type type, Expr... args) {
        return new Expr(op, type, null, null, List.of(args));
    }

    /** The value for a row of these fields; null is null. */
    private static Object eval(Expr expr, String fields) {
        String json = "{\"ts\":5" + (fields.isEmpty() ? "" : "," + fields) + "}";
        Row row = new RowParser(SOURCE, Set.of("s"), System::currentTimeMillis)
                .parse(json.getBytes(StandardCharsets.UTF_8), 0, 0, RowParser.NO_TIMESTAMP);
        assertNull(row.bad);
        Eval eval = new ExprCompiler(SOURCE).compile(expr);
        Object value = switch (expr.type()) {
            case STRING -> eval.text(row);
            case FLOAT64 -> eval.real(row);
            case BOOL -> eval.bits(row) == 1;
            default -> eval.bits(row);
        };
        return eval.isNull ? null : value;
    }

    @Test
    void integerArithmeticIsExactOrOverflows() {
        Expr one = literal(1L, Type.INT64);
        assertEquals(4L, eval(op("add", Type.INT64, N, one), "\"n\":3"));
        assertEquals(-3L, eval(op("negate", Type.INT64, N), "\"n\":3"));
        assertNull(eval(op("add", Type.INT64, N, one), ""));
        String most = "\"n\":" + Long.MAX_VALUE;
        String least = "\"n\":" + Long.MIN_VALUE;
        assertThrows(Overflow.class, () -> eval(op("add", Type.INT64, N, one), most));
        assertThrows(Overflow.class, () -> eval(op("subtract", Type.INT64, N, one), least));
        assertThrows(Overflow.class, () -> eval(op("multiply", Type.INT64, N, N), most));
        assertThrows(Overflow.class, () -> eval(op("negate", Type.INT64, N), least));
    }

    @Test
    void evaluationIsStrict() {
        Expr overflow = op("eq", Type.BOOL, op("multiply", Type.INT64, N, N), N);
        String most = "\"b\":true,\"n\":" + Long.MAX_VALUE;
        assertThrows(Overflow.class, () -> eval(op("or", Type.BOOL, B, overflow), most));
        assertThrows(Overflow.class, () -> eval(op("coalesce", Type.BOOL, B, overflow), most));
    }

    @Test
    void floatsThatAreNoValuesAreNull() {
        assertNull(eval(op("divide", Type.FLOAT64, X, literal(0.0, Type.FLOAT64)), "\"x\":1"));
        assertNull(eval(op("multiply", Type.FLOAT64, X, X), "\"x\":1e300"));
        assertEquals(0.0, eval(op("negate", Type.FLOAT64, X), "\"x\":0"));
        assertEquals(0.5, eval(op("divide", Type.FLOAT64, X, literal(2.0, Type.FLOAT64)), "\"x\":1"));
        assertEquals(9.007199254740992e15, eval(op("to_float64", Type.FLOAT64, N), "\"n\":9007199254740993"));
    }

    @Test
    void logicHasThreeValues() {
        Expr isPositive = op("gt", Type.BOOL, X, literal(0.0, Type.FLOAT64));
        Expr and = op("and", Type.BOOL, B, isPositive);
        Expr or = op("or", Type.BOOL, B, isPositive);
        assertEquals(false, eval(and, "\"b\":false"));
        assertNull(eval(and, "\"b\":true"));
        assertEquals(true, eval(and, "\"b\":true,\"x\":1"));
        assertEquals(true, eval(or, "\"b\":true"));
        assertNull(eval(or, "\"b\":false"));
        assertEquals(true, eval(op("not", Type.BOOL, B), "\"b\":false"));
        assertNull(eval(op("not", Type.BOOL, B), ""));
    }

    @Test
    void nullsAreAskedForAndReplaced() {
        assertEquals(true, eval(op("is_null", Type.BOOL, S), ""));
        assertEquals(false, eval(op("is_null", Type.BOOL, X), "\"x\":1"));
        assertEquals("d", eval(op("coalesce", Type.STRING, S, literal("d", Type.STRING)), ""));
        assertEquals(7L, eval(op("coalesce", Type.INT64, N, literal(7L, Type.INT64)), "\"n\":null"));
        assertNull(eval(op("coalesce", Type.FLOAT64, X, X), ""));
    }

    @Test
    void stringsCompareByCodePoint() {
        Expr below = op("lt", Type.BOOL, S, literal("\ud83d\ude00", Type.STRING));
        assertEquals(true, eval(below, "\"s\":\"\ue000\""));
        assertEquals(true, eval(op("eq", Type.BOOL, S, literal("a", Type.STRING)), "\"s\":\"\\u0061\""));
        assertEquals(true, eval(op("ge", Type.BOOL, B, literal(false, Type.BOOL)), "\"b\":true"));
    }

    @Test
    void quotientsAreRoundedDownAndNullByZero() {
        Expr quotient = op("floor_divide", Type.INT64, N, literal(-2L, Type.INT64));
        assertEquals(-4L, eval(quotient, "\"n\":7"));
        assertEquals(-1L, eval(op("modulo", Type.INT64, N, literal(-2L, Type.INT64)), "\"n\":7"));
        assertNull(eval(op("floor_divide", Type.INT64, N, literal(0L, Type.INT64)), "\"n\":7"));
        assertNull(eval(op("modulo", Type.INT64, N, literal(0L, Type.INT64)), "\"n\":7"));
        String least = "\"n\":" + Long.MIN_VALUE;
        Expr negated = op("floor_divide", Type.INT64, N, literal(-1L, Type.INT64));
        assertThrows(Overflow.class, () -> eval(negated, least));
        assertEquals(0L, eval(op("modulo", Type.INT64, N, literal(-1L, Type.INT64)), least));
        assertThrows(Overflow.class, () -> eval(op("abs", Type.INT64, N), least));
    }

    @Test
    void functionsOfDoublesRoundHalvesToEvenAndAreNullWhereThereIsNoNumber() {
        assertEquals(2.0, eval(op("round", Type.FLOAT64, X), "\"x\":2.5"));
        assertEquals(0.0, eval(op("round", Type.FLOAT64, X), "\"x\":-0.5"));
        assertEquals(-3.0, eval(op("floor", Type.FLOAT64, X), "\"x\":-2.5"));
        assertEquals(0.0, eval(op("ceil", Type.FLOAT64, X), "\"x\":-0.5"));
        assertEquals(2.5, eval(op("abs", Type.FLOAT64, X), "\"x\":-2.5"));
        assertNull(eval(op("sqrt", Type.FLOAT64, X), "\"x\":-1"));
        assertNull(eval(op("log", Type.FLOAT64, X), "\"x\":0"));
        assertNull(eval(op("exp", Type.FLOAT64, X), "\"x\":710"));
        assertEquals(2.7182818284590455, eval(op("exp", Type.FLOAT64, X), "\"x\":1"));
        assertNull(eval(op("floor", Type.FLOAT64, X), ""));
    }

    @Test
    void aChoiceTakesTheFirstConditionThatIsTrueAndEvaluatesAll() {
        Expr positive = op("gt", Type.BOOL, X, literal(0.0, Type.FLOAT64));
        Expr choice = op("when", Type.INT64, B, N, positive, literal(2L, Type.INT64), literal(null, Type.INT64));
        assertEquals(5L, eval(choice, "\"b\":true,\"n\":5,\"x\":1"));
        assertNull(eval(choice, "\"b\":true,\"x\":1"));
        assertEquals(2L, eval(choice, "\"n\":5,\"x\":1"));
        assertNull(eval(choice, "\"b\":false,\"n\":5"));
        Expr overflow = op("multiply", Type.INT64, N, N);
        Expr guarded = op("when", Type.INT64, B, literal(0L, Type.INT64), overflow);
        assertThrows(Overflow.class, () -> eval(guarded, "\"b\":true,\"n\":" + Long.MAX_VALUE));
        assertEquals("s", eval(op("when", Type.STRING, B, S, literal("o", Type.STRING)), "\"b\":true,\"s\":\"s\""));
        assertEquals(0.5, eval(op("when", Type.FLOAT64, B, X, literal(0.5, Type.FLOAT64)), "\"x\":1"));
    }

    @Test
    void textsGoByCodePointAndHaveCasesInAscii() {
        String text = "\"s\":\"\ud83d\ude00a\u00dfZ\"";
        assertEquals("\ud83d\ude00a\u00dfz", eval(op("lower", Type.STRING, S), text));
        assertEquals("\ud83d\ude00A\u00dfZ", eval(op("upper", Type.STRING, S), text));
        assertEquals(4L, eval(op("length", Type.INT64, S), text));
        assertEquals("a\u00df", eval(substring(1, 2), text));
        assertEquals("Z", eval(substring(3, Long.MAX_VALUE), text));
        assertEquals("", eval(substring(Long.MAX_VALUE, Long.MAX_VALUE), text));
        assertNull(eval(substring(-1, 2), text));
        assertNull(eval(substring(1, -1), text));
        Expr part = literal("a\u00df", Type.STRING);
        assertEquals(true, eval(op("contains", Type.BOOL, S, part), text));
        assertEquals(false, eval(op("starts_with", Type.BOOL, S, part), text));
        assertEquals("a\u00dfa\u00df", eval(op("concat", Type.STRING, part, part), ""));
        assertNull(eval(op("concat", Type.STRING, part, S), ""));
    }

    private static Expr substring(long start, long length) {
        return op("substring", Type.STRING, S, literal(start, Type.INT64), literal(length, Type.INT64));
    }

    @Test
    void clocksGoByTheTableOfTheirZone() {
        Zone zone = new Zone(new long[] {-10, 0, 5}, new long[] {3_600_000, -3_600_000, Zone.UNKNOWN});
        assertEquals(3_600_000, zone.offset(-11));
        assertEquals(3_600_000, zone.offset(-1));
        assertEquals(-3_600_000, zone.offset(4));
        assertEquals(Zone.UNKNOWN, zone.offset(Long.MAX_VALUE));
        Expr local = new Expr("local", Type.TIMESTAMP, null, null, List.of(TS), zone);
        assertNull(eval(op("hour", Type.INT64, local), ""));
        assertEquals(0L, eval(op("hour", Type.INT64, TS), ""));
        assertEquals(3L, eval(op("weekday", Type.INT64, TS), ""));
        assertEquals(1L, eval(op("month", Type.INT64, TS), ""));
    }

    @Test
    void castsAreNullWhereNothingFits() {
        Expr whole = op("to_int64", Type.INT64, X);
        assertEquals(-2L, eval(whole, "\"x\":-2.9"));
        assertNull(eval(whole, "\"x\":9223372036854775808"));
        assertEquals(Long.MIN_VALUE, eval(whole, "\"x\":-9223372036854775808"));
        Expr read = op("to_int64", Type.INT64, S);
        assertEquals(-7L, eval(read, "\"s\":\"-007\""));
        assertNull(eval(read, "\"s\":\"+7\""));
        assertNull(eval(read, "\"s\":\"9223372036854775808\""));
        assertNull(eval(read, "\"s\":\"\u0661\""));
        assertEquals(-1500.0, eval(op("to_float64", Type.FLOAT64, S), "\"s\":\"-1.5e3\""));
        assertNull(eval(op("to_float64", Type.FLOAT64, S), "\"s\":\"1d\""));
        assertEquals(1.0, eval(op("to_float64", Type.FLOAT64, B), "\"b\":true"));
        assertEquals(1L, eval(op("to_int64", Type.INT64, B), "\"b\":true"));
        assertEquals(5L, eval(op("to_int64", Type.INT64, TS), ""));
        assertEquals("-3", eval(op("to_string", Type.STRING, N), "\"n\":-3"));
        assertEquals(7L, eval(op("to_timestamp", Type.TIMESTAMP, N), "\"n\":7"));
        assertNull(eval(op("to_timestamp", Type.TIMESTAMP, N), "\"n\":253402300800000"));
    }

    @Test
    void unknownOperatorsAreRefused() {
        assertThrows(PlanException.class, () -> new ExprCompiler(SOURCE).compile(op("power", Type.INT64, N, N)));
        assertThrows(
                PlanException.class, () -> new ExprCompiler(SOURCE).compile(column("absent", Type.INT64)));
    }
}
