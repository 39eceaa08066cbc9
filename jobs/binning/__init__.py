"""Counts of values in the bins that a model itself distinguishes: the thresholds of its splits, its categories."""
