"""A Flink job on this machine: its JVM, its checkpoints, its REST interface."""
