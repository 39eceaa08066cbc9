"""How good a trained version is, beyond its metrics: by slice, by feature, over time, as one page."""
