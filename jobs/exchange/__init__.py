"""Models that cross the border: those that were trained elsewhere, and those that go elsewhere."""
