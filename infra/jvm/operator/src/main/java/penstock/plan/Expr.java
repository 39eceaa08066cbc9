package penstock.plan;

import java.util.List;

/** A node of an expression. {@code name} is set for a column, {@code value} (Long, Double, String, Boolean) for a literal. */
public record Expr(String op, Type type, String name, Object value, List<Expr> args) {}
