"""The online store: rows in by compare-and-set on ``(t, seq)``, columns out, Feast's own layout underneath."""
