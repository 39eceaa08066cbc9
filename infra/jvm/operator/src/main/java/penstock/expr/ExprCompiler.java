package penstock.expr;

import java.util.function.IntPredicate;
import penstock.ingest.Row;
import penstock.plan.Expr;
import penstock.plan.Order;
import penstock.plan.PlanException;
import penstock.plan.Source;
import penstock.plan.Type;

/** Compiles an expression over a source's columns into typed closures. Evaluation is strict: every node is evaluated. */
public final class ExprCompiler {
    private final Source source;

    public ExprCompiler(Source source) {
        this.source = source;
    }

    public Eval compile(Expr expr) {
        return switch (expr.op()) {
            case "column" -> column(expr);
            case "literal" -> new Literal(expr);
            case "is_null" -> new IsNull(operand(expr, 0), expr.args().get(0).type());
            case "coalesce" -> coalesce(expr);
            case "and" -> new Logic(operands(expr), 0);
            case "or" -> new Logic(operands(expr), 1);
            case "not" -> new Not(operand(expr, 0));
            case "when" -> choice(expr);
            case "add", "subtract", "multiply", "divide", "floor_divide", "modulo" -> arithmetic(expr);
            case "negate" -> expr.type() == Type.FLOAT64
                    ? new NegateReal(operand(expr, 0))
                    : new NegateBits(operand(expr, 0));
            case "eq", "ne", "lt", "le", "gt", "ge" -> comparison(expr);
            default -> {
                Eval function = Functions.compile(expr, operands(expr));
                if (function == null) {
                    throw new PlanException("operator " + expr.op() + " is not carried");
                }
                yield function;
            }
        };
    }

    private Eval operand(Expr expr, int index) {
        return compile(expr.args().get(index));
    }

    private Eval[] operands(Expr expr) {
        return expr.args().stream().map(this::compile).toArray(Eval[]::new);
    }

    private Eval column(Expr expr) {
        int index = source.index(expr.name());
        return switch (expr.type()) {
            case STRING, VECTOR -> new TextColumn(index);
            case FLOAT64 -> new RealColumn(index);
            case INT64, BOOL, TIMESTAMP -> new BitsColumn(index);
        };
    }

    private Eval coalesce(Expr expr) {
        Eval[] all = operands(expr);
        return switch (expr.type()) {
            case STRING, VECTOR -> new CoalesceText(all);
            case FLOAT64 -> new CoalesceReal(all);
            case INT64, BOOL, TIMESTAMP -> new CoalesceBits(all);
        };
    }

    private Eval choice(Expr expr) {
        Eval[] all = operands(expr);
        return switch (expr.type()) {
            case STRING, VECTOR -> new Choice.Text(all);
            case FLOAT64 -> new Choice.Real(all);
            case INT64, BOOL, TIMESTAMP -> new Choice.Bits(all);
        };
    }

    private Eval arithmetic(Expr expr) {
        Eval a = operand(expr, 0);
        Eval b = operand(expr, 1);
        return expr.type() == Type.FLOAT64
                ? new RealMath(a, b, RealOp.valueOf(expr.op()))
                : new BitsMath(a, b, BitsOp.valueOf(expr.op()));
    }

    private Eval comparison(Expr expr) {
        Eval a = operand(expr, 0);
        Eval b = operand(expr, 1);
        IntPredicate holds = sign(expr.op());
        return switch (expr.args().get(0).type()) {
            case STRING, VECTOR -> new CompareText(a, b, holds);
            case FLOAT64 -> new CompareReal(a, b, holds);
            case INT64, BOOL, TIMESTAMP -> new CompareBits(a, b, holds);
        };
    }

    private static IntPredicate sign(String op) {
        return switch (op) {
            case "eq" -> sign -> sign == 0;
            case "ne" -> sign -> sign != 0;
            case "lt" -> sign -> sign < 0;
            case "le" -> sign -> sign <= 0;
            case "gt" -> sign -> sign > 0;
            default -> sign -> sign >= 0;
        };
    }

    private static final class BitsColumn extends Eval {
        private final int index;

        BitsColumn(int index) {
            this.index = index;
        }

        @Override
        public long bits(Row row) {
            isNull = row.nulls[index];
            return row.bits[index];
        }
    }

    private static final class RealColumn extends Eval {
        private final int index;

        RealColumn(int index) {
            this.index = index;
        }

        @Override
        public double real(Row row) {
            isNull = row.nulls[index];
            return Double.longBitsToDouble(row.bits[index]);
        }
    }

    private static final class TextColumn extends Eval {
        private final int index;

        TextColumn(int index) {
            this.index = index;
        }

        @Override
        public String text(Row row) {
            isNull = row.nulls[index];
            return row.texts[index];
        }
    }

    private static final class Literal extends Eval {
        private final long bits;
        private final double real;
        private final String text;

        Literal(Expr expr) {
            Object value = expr.value();
            isNull = value == null;
            bits = value instanceof Long n ? n : Boolean.TRUE.equals(value) ? 1 : 0;
            real = value instanceof Double x ? x + 0.0 : 0;
            text = value instanceof String s ? s : null;
        }

        @Override
        public long bits(Row row) {
            return bits;
        }

        @Override
        public double real(Row row) {
            return real;
        }

        @Override
        public String text(Row row) {
            return text;
        }
    }

    private static final class IsNull extends Eval {
        private final Eval a;
        private final Type type;

        IsNull(Eval a, Type type) {
            this.a = a;
            this.type = type;
        }

        @Override
        public long bits(Row row) {
            switch (type) {
                case STRING, VECTOR -> a.text(row);
                case FLOAT64 -> a.real(row);
                default -> a.bits(row);
            }
            return a.isNull ? 1 : 0;
        }
    }

    private static final class CoalesceBits extends Eval {
        private final Eval[] all;

        CoalesceBits(Eval[] all) {
            this.all = all;
        }

        @Override
        public long bits(Row row) {
            long found = 0;
            isNull = true;
            for (Eval each : all) {
                long value = each.bits(row);
                if (isNull && !each.isNull) {
                    found = value;
                    isNull = false;
                }
            }
            return found;
        }
    }

    private static final class CoalesceReal extends Eval {
        private final Eval[] all;

        CoalesceReal(Eval[] all) {
            this.all = all;
        }

        @Override
        public double real(Row row) {
            double found = 0;
            isNull = true;
            for (Eval each : all) {
                double value = each.real(row);
                if (isNull && !each.isNull) {
                    found = value;
                    isNull = false;
                }
            }
            return found;
        }
    }

    private static final class CoalesceText extends Eval {
        private final Eval[] all;

        CoalesceText(Eval[] all) {
            this.all = all;
        }

        @Override
        public String text(Row row) {
            String found = null;
            isNull = true;
            for (Eval each : all) {
                String value = each.text(row);
                if (isNull && !each.isNull) {
                    found = value;
                    isNull = false;
                }
            }
            return found;
        }
    }

    /** Three-valued and/or: the deciding value wins, then null, then the other value. */
    private static final class Logic extends Eval {
        private final Eval[] all;
        private final long decides;

        Logic(Eval[] all, long decides) {
            this.all = all;
            this.decides = decides;
        }

        @Override
        public long bits(Row row) {
            boolean decided = false;
            boolean unknown = false;
            for (Eval each : all) {
                long value = each.bits(row);
                unknown |= each.isNull;
                decided |= !each.isNull && value == decides;
            }
            isNull = unknown && !decided;
            return isNull ? 0 : decided ? decides : 1 - decides;
        }
    }

    private static final class Not extends Eval {
        private final Eval a;

        Not(Eval a) {
            this.a = a;
        }

        @Override
        public long bits(Row row) {
            long value = a.bits(row);
            isNull = a.isNull;
            return isNull ? 0 : 1 - value;
        }
    }

    private static final class NegateReal extends Real {
        private final Eval a;

        NegateReal(Eval a) {
            this.a = a;
        }

        @Override
        public double real(Row row) {
            double value = a.real(row);
            return a.isNull ? nothing() : value(-value);
        }
    }

    private static final class NegateBits extends Eval {
        private final Eval a;

        NegateBits(Eval a) {
            this.a = a;
        }

        @Override
        public long bits(Row row) {
            long value = a.bits(row);
            isNull = a.isNull;
            if (!isNull && value == Long.MIN_VALUE) {
                throw new Overflow("negate");
            }
            return -value;
        }
    }

    private enum RealOp {
        add,
        subtract,
        multiply,
        divide
    }

    private static final class RealMath extends Real {
        private final Eval a;
        private final Eval b;
        private final RealOp op;

        RealMath(Eval a, Eval b, RealOp op) {
            this.a = a;
            this.b = b;
            this.op = op;
        }

        @Override
        public double real(Row row) {
            double x = a.real(row);
            double y = b.real(row);
            if (a.isNull || b.isNull) {
                return nothing();
            }
            return value(
                    switch (op) {
                        case add -> x + y;
                        case subtract -> x - y;
                        case multiply -> x * y;
                        case divide -> x / y;
                    });
        }
    }

    private enum BitsOp {
        add,
        subtract,
        multiply,
        floor_divide,
        modulo;

        /** By zero these are null. */
        boolean quotient() {
            return this == floor_divide || this == modulo;
        }
    }

    private static final class BitsMath extends Eval {
        private final Eval a;
        private final Eval b;
        private final BitsOp op;

        BitsMath(Eval a, Eval b, BitsOp op) {
            this.a = a;
            this.b = b;
            this.op = op;
        }

        @Override
        public long bits(Row row) {
            long x = a.bits(row);
            long y = b.bits(row);
            isNull = a.isNull || b.isNull || (y == 0 && op.quotient());
            return isNull ? 0 : exact(x, y);
        }

        private long exact(long x, long y) {
            try {
                return switch (op) {
                    case add -> Math.addExact(x, y);
                    case subtract -> Math.subtractExact(x, y);
                    case multiply -> Math.multiplyExact(x, y);
                    // the one quotient that does not fit is a negation
                    case floor_divide -> y == -1 ? Math.negateExact(x) : Math.floorDiv(x, y);
                    case modulo -> Math.floorMod(x, y);
                };
            } catch (ArithmeticException e) {
                throw new Overflow(op.name());
            }
        }
    }

    private static final class CompareBits extends Eval {
        private final Eval a;
        private final Eval b;
        private final IntPredicate holds;

        CompareBits(Eval a, Eval b, IntPredicate holds) {
            this.a = a;
            this.b = b;
            this.holds = holds;
        }

        @Override
        public long bits(Row row) {
            long x = a.bits(row);
            long y = b.bits(row);
            isNull = a.isNull || b.isNull;
            return !isNull && holds.test(Long.compare(x, y)) ? 1 : 0;
        }
    }

    private static final class CompareReal extends Eval {
        private final Eval a;
        private final Eval b;
        private final IntPredicate holds;

        CompareReal(Eval a, Eval b, IntPredicate holds) {
            this.a = a;
            this.b = b;
            this.holds = holds;
        }

        @Override
        public long bits(Row row) {
            double x = a.real(row);
            double y = b.real(row);
            isNull = a.isNull || b.isNull;
            return !isNull && holds.test(Double.compare(x, y)) ? 1 : 0;
        }
    }

    private static final class CompareText extends Eval {
        private final Eval a;
        private final Eval b;
        private final IntPredicate holds;

        CompareText(Eval a, Eval b, IntPredicate holds) {
            this.a = a;
            this.b = b;
            this.holds = holds;
        }

        @Override
        public long bits(Row row) {
            String x = a.text(row);
            String y = b.text(row);
            isNull = a.isNull || b.isNull;
            return !isNull && holds.test(Order.compareText(x, y)) ? 1 : 0;
        }
    }
}
