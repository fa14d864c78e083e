"""Extrapolates what a pass of any size takes: `python -m benchmarks.memory.planning` prints it as in docs/memory.md.

Rows that are kept: memory is N times the bytes per row, those of the captured arrays plus those that scoring adds.
Rows that are counted: memory is as measured, whatever N is. Time is N divided by the measured rows per second. With 64
processes each counts N / 64 rows and adds 64 tables per class; if rows are kept, each process has all of them.
"""

import json
import re
from pathlib import Path

RESULTS = Path(__file__).parent.parent / "results.json"
PROCESSES = 64
SIZES = [(n, classes) for classes in (1, 20) for n in (10**6, 10**8, 10**9, 10**10)]
# Number of columns → case of the section.
COUNTED = {1: "binary, panel: counts", 20: "20 classes, panel: counts"}
SCORING = {1: "binary panel, probabilities", 20: "panel of 20 classes"}
COUNTS = {1: "memory='bounded', counts", 20: "memory='bounded', counts_of_twenty"}
ADDED = {1: "counts of two processes added, 1 class", 20: "counts of two processes added, 20 classes"}
CAPTURED = {1: 4 + 4, 20: 20 * 4 + 8}  # bytes of the float32 outputs and of the targets, float32 or int64


def main():
    """Print the table, and the figures that it is computed from."""
    sections = json.loads(RESULTS.read_text())
    streaming, memory = ({row["case"]: row for row in sections[name]["rows"]} for name in ("streaming", "memory"))
    print("| rows | columns | rows kept: memory | time | counts: memory | time | of 64 processes each |")
    print("|---|---|---|---|---|---|---|")
    for n, columns in SIZES:
        counted, kept = _rates(streaming[COUNTED[columns]])
        by_row = CAPTURED[columns] + memory[f"peak memory, {SCORING[columns]}"]["ours"]
        whole = memory[f"peak memory, {COUNTS[columns]}"]["ours"] * 2**20
        merge = PROCESSES * streaming[ADDED[columns]]["ours"] / 1e3
        shared = n / counted / PROCESSES + merge
        cells = [_count(n), columns, _bytes(n * by_row), _time(n / kept), _bytes(whole), _time(n / counted)]
        print("|", " | ".join(map(str, [*cells, _time(shared)])), "|")
    for columns in (1, 20):
        counted, kept = _rates(streaming[COUNTED[columns]])
        scoring = memory[f"peak memory, {SCORING[columns]}"]["ours"]
        print(
            f"\n{columns} column(s): {CAPTURED[columns]} bytes per row captured + {scoring:.1f} while scoring; "
            f"{kept / 1e6:.1f} million rows per second kept, {counted / 1e6:.1f} counted; "
            f"{streaming[ADDED[columns]]['ours']:.2f} ms to add the counts of one process"
        )


def _rates(row):
    """Return the rows per second, counted and kept."""
    return tuple(1e3 * row["n"] / row[way] for way in ("ours", "theirs"))


def _count(n):
    return re.sub(r"e\+0?", "e", f"{n:.0e}")


def _bytes(count):
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def _time(seconds):
    if seconds < 1:
        return f"{1e3 * seconds:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


if __name__ == "__main__":
    main()
