"""The plan as a Flink job: Python builds the graph, the Java module of ``infra/jvm/operator`` carries the records."""
