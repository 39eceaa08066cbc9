package penstock.window;

/** An emitted row: key and value as JSON, and the source record that led to it. */
public record FeatureRow(byte[] key, byte[] value, int partition, long offset) {}
