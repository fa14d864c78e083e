"""Make the pictures of the README and of these pages: `make pictures`. A file with the same pixels is left alone."""

import contextlib
import runpy
import shutil
from pathlib import Path

import numpy as np
from matplotlib.pyplot import imread

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
# Picture → the example that draws it, in examples/pictures.
PICTURES = {
    "calibration.png": "groups_and_rows.py",
    "chosen_threshold.png": "thresholds.py",
    "groups.png": "groups_and_rows.py",
    "is_it_better.png": "is_it_better.py",
    "scores.png": "imbalanced.py",
    "suspects.png": "groups_and_rows.py",
    "threshold.png": "imbalanced.py",
}


def main() -> None:
    """Run each example once, and take over the pictures that have changed."""
    with contextlib.chdir(EXAMPLES):  # they save their pictures in the folder that they are run in
        for example in dict.fromkeys(PICTURES.values()):
            runpy.run_path(example, run_name="__main__")
    for name in PICTURES:
        drawn = EXAMPLES / "pictures" / name
        if _is_new(drawn, HERE / name):
            shutil.copyfile(drawn, HERE / name)
            print(f"{name}: replaced")
        else:
            print(f"{name}: unchanged")


def _is_new(drawn: Path, kept: Path) -> bool:
    return not kept.exists() or not np.array_equal(imread(drawn), imread(kept))


if __name__ == "__main__":
    main()
