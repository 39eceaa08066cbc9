"""Answers of a model that no request on Kafka asks for."""
