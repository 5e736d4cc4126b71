"""Which image is in which split, and batches of them."""
