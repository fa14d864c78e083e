"""Measures one module in a process of its own: `python -m benchmarks.harness.child <module> <file> [--quick]`."""

import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path


def main(module, file, *options):
    """Measure, and write the rows of the table to a JSON file."""
    rows = importlib.import_module(f"benchmarks.{module}").measure(quick="--quick" in options)
    Path(file).write_text(json.dumps([asdict(row) for row in rows]))


if __name__ == "__main__":
    main(*sys.argv[1:])
