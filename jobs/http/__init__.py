"""Models behind HTTP: ``penstock serve``. Requests are answered by the parts that answer those on Kafka."""
