"""Corrected events of a range of time: what they change in the change points and in the online store."""
