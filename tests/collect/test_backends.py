"""Only the files in `collect/backends/` know which backend runs: no other file names, imports or compares one."""

import ast
from pathlib import Path

import keras
import pytest

import kerascb_metrics
from kerascb_metrics.collect.backend import Backend, backend

PACKAGE = Path(kerascb_metrics.__file__).parent
BACKENDS = PACKAGE / "collect/backends"
NAMES = {"jax", "tensorflow", "torch"}


def backends_named(source):
    """Return the lines of a source that name a backend in a string, import one, or compare with the current one."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if _names_backend(node)]


def _names_backend(node):
    if isinstance(node, ast.Constant):
        return node.value in NAMES
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] in NAMES for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in NAMES
    compared = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
    if isinstance(node, ast.Match):
        compared = [node.subject]
    operands = [operand for each in compared for operand in getattr(each, "elts", [each])]
    return any(ast.unparse(operand).endswith("backend()") for operand in operands)


def test_no_other_file_names_a_backend():
    others = [path for path in PACKAGE.rglob("*.py") if path.parent != BACKENDS]
    found = {str(path.relative_to(PACKAGE)): backends_named(path.read_text()) for path in others}
    assert "collect/given_data.py" in found
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "keras.backend.backend() == 'jax'",
        "if keras.backend.backend() != name: pass",
        "name in (keras.config.backend(), 'other')",
        "x = {'torch': 1}[keras.backend.backend()]",
        "match keras.backend.backend():\n    case name: pass",
        "import torch",
        "def f():\n    import jax.numpy as jnp",
        "from tensorflow import data",
    ],
)
def test_the_check_finds_a_backend(source):
    assert backends_named(source)


def test_the_check_allows_to_look_the_backend_up():
    assert not backends_named("module = f'backends.{keras.backend.backend()}'\nbackend().to_numpy('a torch tensor')")


def test_each_backend_has_a_file():
    files = {path.stem for path in BACKENDS.glob("*.py")} - {"__init__"}
    assert {name.partition("_")[0] for name in files} == NAMES <= files


def test_the_backend_has_every_method_of_the_protocol():
    methods = {name for name in vars(Backend) if not name.startswith("_")}
    assert methods >= {"build", "to_numpy", "own_rows", "sync_state"}
    assert {name for name in methods if not hasattr(backend(), name)} == set()
    assert type(backend()).__module__.endswith(f".{keras.backend.backend()}")
