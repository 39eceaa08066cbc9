"""Real records seen through a definition, before anything runs."""
