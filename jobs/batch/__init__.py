"""Change points from history: backfill, the parts it writes, and what is read from them."""
