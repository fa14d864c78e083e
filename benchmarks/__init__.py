"""What the package costs, measured: `python -m benchmarks`, see README.md beside this file."""
