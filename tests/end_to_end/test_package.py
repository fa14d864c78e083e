"""The package as a whole: what importing it costs, and that its README runs."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import kerascb_metrics
from tests.support.models import BACKEND

ROOT = Path(__file__).parent.parent.parent
OTHER_BACKENDS = {"tensorflow", "jax", "torch"} - {BACKEND}
_PROGRAM = "import sys; {before}; known = set(sys.modules); {statement}; print(*(set(sys.modules) - known))"


def newly_imported(statement, before="import keras"):
    """The top-level packages that a statement imports in a process of its own, beyond those imported before."""
    program = _PROGRAM.format(before=before, statement=statement)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in run.stdout.splitlines()[-1].split()}


@pytest.mark.slow
def test_the_callback_imports_no_second_backend_no_matplotlib_no_pandas():
    imported = newly_imported("from kerascb_metrics import Metrics; import mailbox")
    assert {"kerascb_metrics", "mailbox"} <= imported, "what is imported is noticed"
    assert not imported & {*OTHER_BACKENDS, "matplotlib", "pandas"}


@pytest.mark.slow
def test_importing_the_package_imports_only_the_standard_library():
    imported = newly_imported(
        "import kerascb_metrics; kerascb_metrics.__version__, dir(kerascb_metrics)", before="pass"
    )
    assert imported - sys.stdlib_module_names == {"kerascb_metrics"}


@pytest.mark.slow
def test_the_check_for_the_standard_library_can_fail():
    imported = newly_imported("import kerascb_metrics; kerascb_metrics.Metrics", before="pass")
    assert {"kerascb_metrics", "keras", "numpy", "sklearn"} <= imported - sys.stdlib_module_names


def test_the_three_lists_of_public_names_agree():
    tree = ast.parse(Path(kerascb_metrics.__file__).read_text())
    for_type_checkers = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        for alias in node.names
    }
    assert for_type_checkers == kerascb_metrics._MODULES
    assert set(kerascb_metrics.__all__) == {*for_type_checkers, "__version__"}


@pytest.mark.parametrize("name", kerascb_metrics.__all__)
def test_every_public_name_can_be_imported_and_is_listed(name):
    namespace = {}
    exec(f"from kerascb_metrics import {name}", namespace)
    assert namespace[name] is getattr(kerascb_metrics, name)
    assert name in dir(kerascb_metrics)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'kerascb_metrics' has no attribute 'Metricz'$"):
        kerascb_metrics.Metricz  # noqa: B018


def version_of(file, line):
    """The first version that a file names, by a pattern of its line."""
    return re.search(line, (ROOT / file).read_text(), flags=re.MULTILINE)[1]


def test_the_changelog_and_the_citation_name_this_version():
    assert version_of("CHANGELOG.md", r"^## \[(\d.*)\] - \d{4}-\d\d-\d\d$") == kerascb_metrics.__version__
    assert version_of("CITATION.cff", r"^version: (.*)$") == kerascb_metrics.__version__


def test_the_changelog_and_the_citation_name_the_same_day():
    released = version_of("CHANGELOG.md", r"^## \[\d.*\] - (.*)$")
    assert version_of("CITATION.cff", r'^date-released: "(.*)"$') == released


def test_a_release_names_the_address_of_its_repository(tmp_path):
    for file in (".ci/links.py", "pyproject.toml", "README.md"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    subprocess.run([sys.executable, tmp_path / ".ci/links.py", "https://example.org/me/fork", "v1.2"], check=True)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    assert project["urls"]["Source"] == "https://example.org/me/fork"
    links = re.findall(r"\]\(([^)]*)\)", (tmp_path / "README.md").read_text())
    assert "https://example.org/me/fork/raw/v1.2/docs/pictures/scores.png" in links
    assert "https://example.org/me/fork/blob/v1.2/CHANGELOG.md" in links
    assert all(link.startswith("https://") for link in links)


def python_blocks():
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("block", python_blocks(), ids=lambda block: block.splitlines()[0])
def test_the_readme_runs(block, capsys):
    exec(compile(block, "README.md", "exec"), {})
    if "print" in block:
        assert "True (" in capsys.readouterr().out
