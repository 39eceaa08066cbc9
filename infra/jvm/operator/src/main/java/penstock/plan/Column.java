package penstock.plan;

/**
 * A declared column of a source, or a key column (nullable has no meaning there). {@code dimensions}: the elements of a
 * vector, 0 of any other.
 */
public record Column(String name, Type type, boolean nullable, Cast cast, int dimensions) {}
