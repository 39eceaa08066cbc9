package penstock.plan;

/** A distinct aggregate argument. {@code places} is -1 where no feature sums it. */
public record Arg(Expr expr, Type type, int places) {}
