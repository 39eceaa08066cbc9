"""A job in a Flink session cluster that runs elsewhere."""
