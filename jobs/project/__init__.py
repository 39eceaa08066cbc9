"""A project: its folder, its configuration and its definitions."""
