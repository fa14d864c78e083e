"""The examples, and a file that uses the whole public API, pass `mypy --strict` as a user runs it."""

import pytest

from tests.support.type_checks import ROOT, run_mypy

pytest.importorskip("mypy", reason="mypy is in the dependency group `lint`")

# Keras, scikit-learn and others have no types, so a user of `--strict` needs the second and third line.
CONFIG = """
[mypy]
strict = true
ignore_missing_imports = true
disallow_subclassing_any = false
"""


@pytest.mark.slow
@pytest.mark.parametrize("path", ["examples", "tests/support/typed_user.py"])
def test_mypy_accepts(path, tmp_path):
    output = run_mypy(tmp_path, CONFIG, ROOT / path)
    assert output.startswith("Success"), output


@pytest.mark.slow
def test_mypy_rejects_a_mistake(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from kerascb_metrics import Binary\n\nBinary(class_names=3)\n")
    assert "[arg-type]" in run_mypy(tmp_path, CONFIG, script)
