"""One prediction in full: what ``penstock explain`` shows."""
