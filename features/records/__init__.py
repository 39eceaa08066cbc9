"""Records as companies have them: where a column stands in a record, and how its value is read."""
