"""Drift: how far the vectors and labels of now are from those that a version was trained on."""
