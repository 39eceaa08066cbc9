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

class ExprCompilerTest {
    private static final Source SOURCE = PlanReader.read(Plans.view(
                    Plans.source(null, 0), Plans.sliding(1, 0), Plans.feature("f", "count", null, null, 0, "int64")))
            .source();
    private static final Expr N = column("n", Type.INT64);
    private static final Expr X = column("x", Type.FLOAT64);
    private static final Expr S = column("s", Type.STRING);
    private static final Expr B = column("b", Type.BOOL);

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
        Row row = new RowParser(SOURCE, Set.of("s"))
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
    void unknownOperatorsAreRefused() {
        assertThrows(PlanException.class, () -> new ExprCompiler(SOURCE).compile(op("modulo", Type.INT64, N, N)));
        assertThrows(
                PlanException.class, () -> new ExprCompiler(SOURCE).compile(column("absent", Type.INT64)));
    }
}
