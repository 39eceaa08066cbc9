"""Served values against batch: what ``penstock explain`` does for one prediction and ``penstock audit`` for many."""
