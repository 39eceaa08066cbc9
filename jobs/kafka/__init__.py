"""Everything that talks to Kafka: the local broker, and what every client of the project shares."""
