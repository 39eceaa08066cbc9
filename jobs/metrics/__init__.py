"""What running jobs tell Prometheus, under names that begin with ``penstock_``."""
