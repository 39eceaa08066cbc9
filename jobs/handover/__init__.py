"""The hand-over: history builds the state of a stream, and Kafka goes on from there."""
