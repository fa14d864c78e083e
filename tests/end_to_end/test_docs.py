"""The pages in docs/ run: the blocks marked `python` of each page, one after the other in one namespace."""

import re
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [page for page in sorted(DOCS.glob("*.md")) if "```python" in page.read_text()]


def blocks_of(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)


@pytest.mark.slow  # half a minute in all
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


@pytest.mark.parametrize("page", [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda page: page.stem)
def test_the_files_that_a_page_links_to_exist(page):
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_picture_has_an_example_that_draws_it():
    made = re.findall(r'"(\w+\.png)": "(\w+\.py)"', (DOCS / "pictures" / "make.py").read_text())
    assert sorted(name for name, _ in made) == sorted(path.name for path in (DOCS / "pictures").glob("*.png"))
    for name, example in made:
        assert f'"{name}"' in (DOCS.parent / "examples" / example).read_text()
