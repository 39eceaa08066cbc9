"""What ``penstock init`` writes: a project of made-up orders and deliveries, to be replaced by one's own."""
