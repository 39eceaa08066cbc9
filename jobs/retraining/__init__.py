"""Retraining: versions learned from served vectors as their labels come, and promoted when they are better."""
