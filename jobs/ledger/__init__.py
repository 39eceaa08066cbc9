"""The ledger of a model: its predictions and labels, read from their topics once each, and what became of them."""
