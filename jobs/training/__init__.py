"""Training sets from change points and labels, and models fitted to them."""
