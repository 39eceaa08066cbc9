"""Models: training, and the versioned folders that hold what was trained."""
