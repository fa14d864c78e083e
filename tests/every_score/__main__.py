"""Record every number of many fits, to the last bit; or compare them with an earlier record.

The models return their input and do not train, so the numbers depend on the package alone. A change of the package's
inside must leave all of them as they are::

    python -m tests.every_score FILE            # before the change
    python -m tests.every_score --compare FILE  # after it

`KERAS_BACKEND` chooses the backend, and each has a file of its own: an epoch's loss differs in its last bits. Only the
package's public names are used, and no text of messages is recorded.
The cases are in `cases.py` and `sources.py`.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["MPLBACKEND"] = "agg"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["OMP_NUM_THREADS"] = os.environ["TF_NUM_INTRAOP_THREADS"] = "1"  # sums in one order

import argparse
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from typing import Any

import keras

import kerascb_metrics
from tests.every_score import cases, sources
from tests.every_score.numbers import Part, encoded


@cache
def all_cases() -> dict[str, Callable[[], list[Part]]]:
    """Return every case: its name, and what runs it."""
    makers = (*cases.MAKERS, *sources.MAKERS)
    named = list(chain.from_iterable(make() for make in makers))
    if len(dict(named)) < len(named) or any("/" in name for name, _ in named):
        raise ValueError("two cases have one name, or a name holds a slash.")
    return dict(named)


def record_of(name: str, run: Any) -> Iterator[tuple[str, str]]:
    """Yield "case/key" and value of each number of one case."""
    keras.utils.set_random_seed(0)
    try:
        for part in run():
            yield from ((f"{name}/{key}", encoded(value)) for key, value in numbers_in(part))
    except Exception as error:
        yield f"{name}/raises", type(error).__name__


def numbers_in(part: Part) -> Iterator[tuple[str, Any]]:
    """Yield the numbers of one part of a case, and the type of the exception that ends them, if one does."""
    try:
        for key, value in part.numbers():
            yield (f"{part.name}/{key}" if key else part.name), value
    except Exception as error:
        yield f"{part.name}/raises", type(error).__name__


def recorded(only: str = "") -> dict[str, str]:
    """Run every case whose name contains `only`; return "case/key" → value."""
    found: dict[str, str] = {}
    for name, run in all_cases().items():
        if only in name:
            for key, value in record_of(name, run):
                if key in found or "\n" in key + value or "\t" in key + value:
                    raise ValueError(f"{key!r} is there twice, or would not come back from a file.")
                found[key] = value
    return found


def written(record: dict[str, str]) -> str:
    return "".join(f"{key}\t{value}\n" for key, value in record.items())


def read(path: Path) -> dict[str, str]:
    return dict(line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())


def differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return a line for each key whose value differs, is gone or is new."""
    gone = "(not there)"
    changed = [key for key in {**before, **now} if before.get(key, gone) != now.get(key, gone)]
    return [f"{key}\n    before: {before.get(key, gone)}\n    now:    {now.get(key, gone)}" for key in changed]


def summary(record: dict[str, str], seconds: float) -> str:
    names = {key.split("/")[0] for key in record}
    raised = [name for name in names if f"{name}/raises" in record]
    kinds = Counter(record[f"{name}/raises"] for name in raised)
    numbers = sum(int(value.split()[1]) if value.startswith("array") else 1 for value in record.values())
    return (
        f"{keras.backend.backend()}: {len(names)} cases, {len(record)} lines, {numbers} numbers, {seconds:.0f} s, "
        f"{time.process_time():.0f} s of the processor; "
        f"{len(raised)} cases raised: {dict(kinds)}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Record every number of many fits, or compare with such a record.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--compare", action="store_true", help="compare with FILE; exit with 1 if anything differs")
    parser.add_argument("--only", default="", help="only the cases whose name contains this")
    parser.add_argument("--raised", action="store_true", help="print the keys where something raised")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"the package in {Path(kerascb_metrics.__file__).parent}")
    start = time.monotonic()
    record = recorded(options.only)
    print(summary(record, time.monotonic() - start))
    if options.raised:
        print(*(f"{key}: {value}" for key, value in record.items() if key.endswith("/raises")), sep="\n")
    if not options.compare:
        options.file.write_text(written(record), encoding="utf-8")
        return 0
    before = {key: value for key, value in read(options.file).items() if options.only in key.split("/")[0]}
    found = differences(before, record)
    print(*found, sep="\n")
    print(f"{len(found)} lines differ." if found else f"All {len(record)} lines are alike.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
