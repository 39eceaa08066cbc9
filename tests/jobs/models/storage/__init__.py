"""Tests of where models are kept."""
