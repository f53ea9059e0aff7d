"""The graph of a product and the pinned plan of a run: pure functions over values."""
