package penstock.plan;

/** A declared column of a source, or a key column (nullable has no meaning there). */
public record Column(String name, Type type, boolean nullable, Cast cast) {}
