"""Collect: the only place that knows Keras's trainer. It returns the rows of a validation pass as NumPy arrays."""
