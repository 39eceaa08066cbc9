package penstock.window;

/** An emitted row: key and value as JSON, and the record that led to it; {@code source}: its place among the view's. */
public record FeatureRow(byte[] key, byte[] value, int source, int partition, long offset) {}
