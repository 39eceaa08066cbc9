"""How good a model's answers were: predictions joined with the labels that come later, and what follows from it."""
