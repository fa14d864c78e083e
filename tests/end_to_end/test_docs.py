"""The pages in docs/ run as printed and pass mypy: the blocks marked `python` of each page, in one namespace.

Blocks marked `py` are not run: code from before a migration, and of libraries that are not installed.
`test_package.py` runs the blocks of README.md.
"""

import re

import numpy as np
import pytest

from tests.support.type_checks import ROOT, run_mypy

DOCS = ROOT / "docs"
ALL_PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
PAGES = [page for page in sorted(DOCS.glob("*.md")) if "```python" in page.read_text()]
# As a user runs it who does not ask for types in every function. A `test_step` takes other arguments on JAX than on the
# other backends, so the page that defines both has one kind of error.
CONFIG = """
[mypy]
ignore_missing_imports = true
check_untyped_defs = true

[mypy-custom_steps_md]
disable_error_code = misc
"""


def blocks_of(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)


@pytest.mark.slow  # a minute in all
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for block in blocks_of(page):
        exec(compile(block, page.name, "exec"), namespace)
        metrics = namespace.get("metrics")
        if metrics is not None and metrics.history.epochs:  # what the page shows is a score
            assert all(np.isfinite(values[-1]).all() for values in metrics.history.values())
    assert "False" not in capsys.readouterr().out  # what a page prints to show that two results are equal


def test_there_are_pages_that_run():
    assert "targets" in [page.stem for page in PAGES]


def as_modules(pages, folder):
    """Write the blocks of each page to a module; return the modules."""
    modules = []
    for page in pages:
        modules.append(folder / f"{page.stem.lower()}_md.py")
        modules[-1].write_text("\n\n".join(blocks_of(page)))
    return modules


@pytest.mark.slow
def test_mypy_accepts_the_blocks_of_all_pages_and_rejects_a_mistake(tmp_path):
    pytest.importorskip("mypy", reason="mypy is in the dependency group `lint`")
    wrong = tmp_path / "wrong.md"
    wrong.write_text("```python\nfrom kerascb_metrics import Binary\n```\n```python\nBinary(class_names=3)\n```\n")
    output = run_mypy(tmp_path, CONFIG, *as_modules([*ALL_PAGES, wrong], tmp_path))
    errors = [line for line in output.splitlines() if ": error: " in line]
    assert [re.sub(" error: .* ", " ", line) for line in errors] == ["wrong_md.py:4: [arg-type]"], output


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_what_fit_returns_is_called_fit_result(page):
    assert set(re.findall(r"(\w+) = \w+\.fit\(", page.read_text())) <= {"fit_result"}


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.stem)
def test_the_files_that_a_page_links_to_exist(page):
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_picture_has_an_example_that_draws_it():
    made = re.findall(r'"(\w+\.png)": "(\w+\.py)"', (DOCS / "pictures" / "make.py").read_text())
    assert sorted(name for name, _ in made) == sorted(path.name for path in (DOCS / "pictures").glob("*.png"))
    for name, example in made:
        assert f'"{name}"' in (ROOT / "examples" / example).read_text()
