"""`python -m benchmarks [section …] [--quick] [--into folder]`: measure, print the tables, write the files."""

import argparse
import sys
from pathlib import Path

from benchmarks.harness import results
from benchmarks.harness.machine import facts
from benchmarks.harness.table import plain
from benchmarks.sections import SECTIONS


def main():
    """Run the sections that the command names, or all of them; return the exit status."""
    asked = _arguments()
    measured = {name: _measure(name, asked.quick) for name in asked.sections or SECTIONS}
    folder = asked.into or (None if asked.quick else Path(__file__).parent)
    if folder is not None:
        results.write(folder, measured, order=SECTIONS)
        print(f"\nwritten to {folder / 'results.json'} and {folder / 'results.md'}")
    return int(any(row.verdict == "failed" for section in measured.values() for row in section["rows"]))


def _arguments():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what kerascb_metrics costs.")
    parser.add_argument("sections", nargs="*", metavar="section", help=f"{', '.join(SECTIONS)}; default: all of them")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try it out; writes nothing without --into")
    parser.add_argument("--into", type=Path, help="folder for results.json and results.md; default: this one")
    asked = parser.parse_args()
    unknown = set(asked.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"unknown section {', '.join(sorted(unknown))}; choose from {', '.join(SECTIONS)}")
    return asked


def _measure(name, quick):
    """Measure one section and print its tables; return its rows, and what they depend on."""
    sizes = " (--quick: the sizes are too small for meaningful verdicts)" if quick else ""
    print(f"\n=== {name}{sizes}", flush=True)
    rows = []
    for job in SECTIONS[name]:
        found = job.run(quick)
        print(f"\n--- {job.name}\n{plain(found)}", flush=True)
        rows += found
    return {"facts": facts(), "rows": rows}


if __name__ == "__main__":
    sys.exit(main())
