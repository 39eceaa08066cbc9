"""The whole path on real flights: history → store → model → stream → predictions, and the proofs at the end."""
