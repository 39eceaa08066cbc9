"""Features of requests in event time: from the change points that the stream has written, and not from the store."""
