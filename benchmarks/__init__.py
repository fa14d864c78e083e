"""Measures what the package costs: `python -m benchmarks`. README.md in this folder describes how."""
