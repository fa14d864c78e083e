"""Runs mypy as a user runs it, whose code imports the package."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Errors in the package are hidden, as mypy hides those of installed packages.
OF_THE_PACKAGE = """
[mypy-kerascb_metrics.*]
follow_imports = silent
"""


def run_mypy(folder, config, *paths):
    """Return the output of mypy, run in a folder of its own. The package is found on MYPYPATH."""
    (folder / "mypy.ini").write_text(config + OF_THE_PACKAGE)
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--scripts-are-modules", *map(str, paths)]
    environment = os.environ | {"MYPYPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout
