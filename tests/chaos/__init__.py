"""What happens to predictions, store and counts when any part is killed at any moment."""
