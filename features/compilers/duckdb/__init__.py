"""The plan as SQL for DuckDB, and the one rounding that SQL leaves to us."""
