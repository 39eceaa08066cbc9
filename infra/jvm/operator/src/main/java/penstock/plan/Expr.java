package penstock.plan;

import java.util.List;

/**
 * A node of an expression. {@code name} is set for a column, {@code value} (Long, Double, String, Boolean, null) for a
 * literal, {@code zone} for a local time.
 */
public record Expr(String op, Type type, String name, Object value, List<Expr> args, Zone zone) {
    public Expr(String op, Type type, String name, Object value, List<Expr> args) {
        this(op, type, name, value, args, null);
    }
}
