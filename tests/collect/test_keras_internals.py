"""Private parts of Keras are used in one file only, and importing the package looks none of them up."""

import ast
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import kerascb_metrics

PACKAGE = Path(kerascb_metrics.__file__).parent
HOLDER = PACKAGE / "collect/keras_internals.py"


def private_keras(source):
    """Return the lines of a source that import or name a module of `keras.src`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [ast.unparse(node)]
        else:
            names = [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
        found += [node.lineno for name in names if f"{name}.".startswith("keras.src.")]
    return found


def private_attributes(source):
    """Return the private names that a source takes from objects other than `self`, as attributes or by strings."""
    nodes = list(ast.walk(ast.parse(source)))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute) and ast.unparse(node.value) != "self"}
    strings = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names = attributes | {string for string in strings if string.isidentifier()}
    return {name for name in names if name.startswith("_") and not name.startswith(("__", "_kerascb_metrics"))}


def test_keras_src_is_used_in_one_file():
    found = {path.name: private_keras(path.read_text()) for path in PACKAGE.rglob("*.py") if path != HOLDER}
    assert not {name: lines for name, lines in found.items() if lines}
    assert private_keras(HOLDER.read_text())


@pytest.mark.parametrize(
    "source",
    [
        "import keras.src",
        "import keras.src.backend as backend",
        "from keras import src",
        "from keras.src.backend import get_keras_mask",
        "def f():\n    from keras.src import backend",
        "keras.src.backend.get_keras_mask(x)",
        "importlib.import_module('keras.src.backend')",
    ],
)
def test_the_check_finds_keras_src(source):
    assert private_keras(source)


def test_the_check_finds_nothing_public():
    assert not private_keras("import keras\nfrom keras import tree, ops\nkeras.tree.flatten('about keras.src')")


def test_private_attributes_are_used_in_one_file():
    others = [path for path in HOLDER.parent.rglob("*.py") if path != HOLDER]
    found = {str(path.relative_to(PACKAGE)): private_attributes(path.read_text()) for path in others}
    assert {"collect/shadow.py", "collect/backends/jax.py"} < found.keys()
    assert not {name: names for name, names in found.items() if names}
    assert private_attributes(HOLDER.read_text()) >= {"_jax_state", "_seed_generators"}


def test_the_check_finds_a_private_attribute():
    source = "model._jax_state = 1; self._x; x.__name__; getattr(x, '_y'); vars(x)['_z'] = 'an _a'"
    assert private_attributes(source) == {"_jax_state", "_y", "_z"}


def test_attributes_inherited_from_keras_are_not_used():
    """What `self` inherits from `keras.callbacks.Callback` is private too."""
    inherited = {name for name in vars(keras.callbacks.Callback()) if name.startswith("_")}
    assert inherited
    for path in (PACKAGE / "callback.py", PACKAGE / "tensorboard.py"):
        taken = [node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
        assert not inherited & set(taken), path.name


# Importing the package while `keras.src` cannot be imported.

_WITHOUT = """
import importlib, pkgutil, sys
import keras

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name == "keras.src" or name.startswith("keras.src."):
            raise ImportError(f"{name} is private")

for name in [name for name in sys.modules if name == "keras.src" or name.startswith("keras.src.")]:
    del sys.modules[name]
sys.meta_path.insert(0, Refuse())
try:
    from keras.src import backend
except ImportError as error:
    print(error)
"""
_EVERY_MODULE = """
import kerascb_metrics
others = {"tensorflow", "jax", "torch"} - {keras.backend.backend()}
skipped = ["collect.backends." + name for name in others] + ["__main__"]  # also torch_processes
for module in pkgutil.walk_packages(kerascb_metrics.__path__, "kerascb_metrics."):
    if not any(module.name.startswith("kerascb_metrics." + start) for start in skipped):
        importlib.import_module(module.name)
metrics = kerascb_metrics.Metrics()
print("imported", sum(name.startswith("kerascb_metrics.") for name in sys.modules))
"""


@pytest.mark.slow
def test_importing_every_module_looks_up_nothing_private():
    run = subprocess.run([sys.executable, "-c", _WITHOUT + _EVERY_MODULE], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    refused, imported = run.stdout.splitlines()
    assert refused == "keras.src is private"
    assert int(imported.split()[-1]) > 40
