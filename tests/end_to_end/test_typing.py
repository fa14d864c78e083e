"""The examples, and a file that uses the whole public API, pass `mypy --strict` as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is in the dependency group `lint`")

ROOT = Path(__file__).parents[2]

# Keras, scikit-learn and others have no types, so a user of `--strict` needs the second and third line. The package is
# found on MYPYPATH; errors in it are hidden, as mypy hides those of installed packages.
CONFIG = """
[mypy]
strict = true
ignore_missing_imports = true
disallow_subclassing_any = false

[mypy-kerascb_metrics.*]
follow_imports = silent
"""


def run_mypy(folder, *paths):
    """Return the output of mypy, run in an empty folder."""
    (folder / "mypy.ini").write_text(CONFIG)
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--scripts-are-modules", *map(str, paths)]
    environment = os.environ | {"MYPYPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
@pytest.mark.parametrize("path", ["examples", "tests/support/typed_user.py"])
def test_mypy_accepts(path, tmp_path):
    output = run_mypy(tmp_path, ROOT / path)
    assert output.startswith("Success"), output


@pytest.mark.slow
def test_mypy_rejects_a_mistake(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from kerascb_metrics import Binary\n\nBinary(class_names=3)\n")
    assert "[arg-type]" in run_mypy(tmp_path, script)
