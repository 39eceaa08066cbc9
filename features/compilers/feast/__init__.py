"""The plan as Feast objects: the catalogue and the read interface."""
