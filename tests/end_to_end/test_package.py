"""The package as a whole: what importing it costs, and that its README runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.models import BACKEND

ROOT = Path(__file__).parent.parent.parent
_STRANGERS = {"tensorflow", "jax", "torch", "matplotlib", "pandas"} - {BACKEND}
_CHECK = "import sys, keras; before = set(sys.modules); {}; print(*(set(sys.modules) - before))"


def newly_imported(statement):
    """The top-level packages that a statement imports beyond Keras, in a process of its own."""
    run = subprocess.run([sys.executable, "-c", _CHECK.format(statement)], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in run.stdout.splitlines()[-1].split()}


@pytest.mark.slow
def test_importing_it_imports_no_second_backend_no_matplotlib_no_pandas():
    assert not newly_imported("import kerascb_metrics") & _STRANGERS


@pytest.mark.slow
def test_the_import_check_can_fail():
    assert "mailbox" in newly_imported("import kerascb_metrics, mailbox")


def python_blocks():
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("block", python_blocks(), ids=lambda block: block.splitlines()[0])
def test_the_readme_runs(block, capsys):
    exec(compile(block, "README.md", "exec"), {})
    if "print" in block:
        assert "True (" in capsys.readouterr().out
