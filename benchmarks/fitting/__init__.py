"""`fit` with `Metrics()` and without, on small models."""
