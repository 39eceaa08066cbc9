"""Answers that are computed before anybody asks, kept in the online store as a view of their own."""
