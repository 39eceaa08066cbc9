"""Parquet files: each as it says itself, and our own as they were written."""
