package penstock.plan;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A node of an expression. {@code name} is set for a column, {@code value} (Long, Double, String, Boolean, null) for a
 * literal, {@code zone} for a local time.
 */
public record Expr(String op, Type type, @Nullable String name, @Nullable Object value, List<Expr> args, @Nullable Zone zone) {
    public Expr(String op, Type type, @Nullable String name, @Nullable Object value, List<Expr> args) {
        this(op, type, name, value, args, null);
    }
}
