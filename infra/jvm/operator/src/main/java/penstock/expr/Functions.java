package penstock.expr;

import java.util.function.BiPredicate;
import java.util.function.DoubleUnaryOperator;
import java.util.function.LongUnaryOperator;
import java.util.function.UnaryOperator;
import penstock.ingest.Row;
import penstock.ingest.RowParser;
import penstock.plan.Expr;
import penstock.plan.Type;
import penstock.plan.Zone;

/** The functions of expressions: null in, null out, and what each means in {@link Times} and {@link Texts}. */
final class Functions {
    private Functions() {}

    /** The function of an operator over its compiled operands; null for an operator that is none. */
    static Eval compile(Expr expr, Eval[] args) {
        return switch (expr.op()) {
            case "abs" -> expr.type() == Type.FLOAT64
                    ? new RealToReal(args[0], Math::abs)
                    : new BitsToBits(args[0], Functions::abs);
            case "round" -> new RealToReal(args[0], Math::rint);
            case "floor" -> new RealToReal(args[0], Math::floor);
            case "ceil" -> new RealToReal(args[0], Math::ceil);
            case "sqrt" -> new RealToReal(args[0], Math::sqrt);
            // not Math: its bits differ from one processor to another
            case "log" -> new RealToReal(args[0], StrictMath::log);
            case "exp" -> new RealToReal(args[0], StrictMath::exp);
            case "hour" -> new BitsToBits(args[0], Times::hour);
            case "weekday" -> new BitsToBits(args[0], Times::weekday);
            case "month" -> new BitsToBits(args[0], Times::month);
            case "local" -> new Local(args[0], expr.zone());
            case "to_int64", "to_float64", "to_string", "to_timestamp" -> cast(expr, args[0]);
            case "lower" -> new TextToText(args[0], Texts::lower);
            case "upper" -> new TextToText(args[0], Texts::upper);
            case "length" -> new Length(args[0]);
            case "contains" -> new Test(args[0], args[1], String::contains);
            case "starts_with" -> new Test(args[0], args[1], String::startsWith);
            case "concat" -> new Concat(args);
            case "substring" -> new Substring(args[0], args[1], args[2]);
            default -> null;
        };
    }

    private static Eval cast(Expr expr, Eval a) {
        Type from = expr.args().get(0).type();
        return switch (expr.op()) {
            case "to_int64" -> switch (from) {
                case STRING, VECTOR -> new TextToBits(a);
                case FLOAT64 -> new RealToBits(a);
                default -> new BitsToBits(a, bits -> bits);
            };
            case "to_float64" -> from == Type.STRING ? new TextToReal(a) : new BitsToReal(a);
            case "to_string" -> new BitsToText(a);
            default -> new BitsToTime(a);
        };
    }

    private static long abs(long value) {
        if (value == Long.MIN_VALUE) {
            throw new Overflow("abs");
        }
        return Math.abs(value);
    }

    private static final class RealToReal extends Real {
        private final Eval a;
        private final DoubleUnaryOperator function;

        RealToReal(Eval a, DoubleUnaryOperator function) {
            this.a = a;
            this.function = function;
        }

        @Override
        public double real(Row row) {
            double value = a.real(row);
            return a.isNull ? nothing() : value(function.applyAsDouble(value));
        }
    }

    private static final class BitsToReal extends Real {
        private final Eval a;

        BitsToReal(Eval a) {
            this.a = a;
        }

        @Override
        public double real(Row row) {
            long value = a.bits(row);
            return a.isNull ? nothing() : value(value);
        }
    }

    private static final class TextToReal extends Real {
        private final Eval a;

        TextToReal(Eval a) {
            this.a = a;
        }

        @Override
        public double real(Row row) {
            String value = a.text(row);
            return a.isNull || !Texts.isDecimal(value) ? nothing() : value(Double.parseDouble(value));
        }
    }

    private static final class BitsToBits extends Eval {
        private final Eval a;
        private final LongUnaryOperator function;

        BitsToBits(Eval a, LongUnaryOperator function) {
            this.a = a;
            this.function = function;
        }

        @Override
        public long bits(Row row) {
            long value = a.bits(row);
            isNull = a.isNull;
            return isNull ? 0 : function.applyAsLong(value);
        }
    }

    /** Milliseconds as a time; null outside the years that a timestamp has. */
    private static final class BitsToTime extends Eval {
        private final Eval a;

        BitsToTime(Eval a) {
            this.a = a;
        }

        @Override
        public long bits(Row row) {
            long value = a.bits(row);
            isNull = a.isNull || value < RowParser.TIME_MIN || value > RowParser.TIME_MAX;
            return isNull ? 0 : value;
        }
    }

    /** What a clock of a zone shows, as if it were UTC; null beyond the zone's rules. */
    private static final class Local extends Eval {
        private final Eval a;
        private final Zone zone;

        Local(Eval a, Zone zone) {
            this.a = a;
            this.zone = zone;
        }

        @Override
        public long bits(Row row) {
            long time = a.bits(row);
            long offset = a.isNull ? Zone.UNKNOWN : zone.offset(time);
            isNull = offset == Zone.UNKNOWN;
            return isNull ? 0 : time + offset;
        }
    }

    private static final class RealToBits extends Eval {
        private final Eval a;

        RealToBits(Eval a) {
            this.a = a;
        }

        @Override
        public long bits(Row row) {
            double value = a.real(row);
            // the greatest int64 is no double: from 2**63 on nothing fits
            isNull = a.isNull || value < -0x1p63 || value >= 0x1p63;
            return isNull ? 0 : (long) value;
        }
    }

    private static final class TextToBits extends Eval {
        private final Eval a;

        TextToBits(Eval a) {
            this.a = a;
        }

        @Override
        public long bits(Row row) {
            String value = a.text(row);
            Long whole = a.isNull ? null : Texts.whole(value);
            isNull = whole == null;
            return isNull ? 0 : whole;
        }
    }

    private static final class Length extends Eval {
        private final Eval a;

        Length(Eval a) {
            this.a = a;
        }

        @Override
        public long bits(Row row) {
            String value = a.text(row);
            isNull = a.isNull;
            return isNull ? 0 : value.codePointCount(0, value.length());
        }
    }

    private static final class Test extends Eval {
        private final Eval a;
        private final Eval b;
        private final BiPredicate<String, String> test;

        Test(Eval a, Eval b, BiPredicate<String, String> test) {
            this.a = a;
            this.b = b;
            this.test = test;
        }

        @Override
        public long bits(Row row) {
            String x = a.text(row);
            String y = b.text(row);
            isNull = a.isNull || b.isNull;
            return !isNull && test.test(x, y) ? 1 : 0;
        }
    }

    private static final class BitsToText extends Eval {
        private final Eval a;

        BitsToText(Eval a) {
            this.a = a;
        }

        @Override
        public String text(Row row) {
            long value = a.bits(row);
            isNull = a.isNull;
            return isNull ? null : Long.toString(value);
        }
    }

    private static final class TextToText extends Eval {
        private final Eval a;
        private final UnaryOperator<String> function;

        TextToText(Eval a, UnaryOperator<String> function) {
            this.a = a;
            this.function = function;
        }

        @Override
        public String text(Row row) {
            String value = a.text(row);
            isNull = a.isNull;
            return isNull ? null : function.apply(value);
        }
    }

    private static final class Concat extends Eval {
        private final Eval[] all;

        Concat(Eval[] all) {
            this.all = all;
        }

        @Override
        public String text(Row row) {
            StringBuilder joined = new StringBuilder();
            isNull = false;
            for (Eval each : all) {
                joined.append(each.text(row));
                isNull |= each.isNull;
            }
            return isNull ? null : joined.toString();
        }
    }

    private static final class Substring extends Eval {
        private final Eval a;
        private final Eval start;
        private final Eval length;

        Substring(Eval a, Eval start, Eval length) {
            this.a = a;
            this.start = start;
            this.length = length;
        }

        @Override
        public String text(Row row) {
            String value = a.text(row);
            long from = start.bits(row);
            long count = length.bits(row);
            isNull = a.isNull || start.isNull || length.isNull || from < 0 || count < 0;
            return isNull ? null : Texts.substring(value, from, count);
        }
    }
}
