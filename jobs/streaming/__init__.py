"""The stream: the Flink job, the writer to the store, and how far both have come."""
