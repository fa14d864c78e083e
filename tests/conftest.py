"""Settings of all tests, and which of them this backend and this environment can run."""

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from hypothesis import settings

from tests.support.models import BACKEND

settings.register_profile("repo", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("repo")

# The tools around Keras (the extra `tools`) are wanted by one lane of .ci/run; there a missing one is a failure.
collect_ignore = [] if os.environ.get("KERASCB_METRICS_TOOLS") == "required" else ["tools"]
# Files that import a backend: what only this one has, such as `keras.distribution` or TensorFlow's strategies.
_OF_BACKENDS = {
    "jax": ["collect/test_jax_*.py", "support/jax_*.py"],
    "torch": ["collect/test_torch_*.py", "support/torch_*.py"],
    "tensorflow": ["collect/test_mirrored.py", "support/mirrored_fits.py"],
}
collect_ignore_glob = [name for backend, names in _OF_BACKENDS.items() if backend != BACKEND for name in names]


_SEED = 1000  # other numbers than a file draws when it is imported
_LONGEST = ("test_mirrored.py", "test_jax_processes.py", "test_jax_distribution.py", "test_fuzz.py")


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that no process is left alone with one at the end."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)


def pytest_make_parametrize_id(config, val, argname):
    """Name objects without their address, which differs between the processes that share out the tests."""
    return type(val).__name__ if " at 0x" in repr(val) else None


@pytest.fixture(autouse=True, scope="module")
def _never_collected():
    """Keep what a file leaves behind out of later garbage collections.

    TensorFlow leaves large circles of graphs. To walk through them again and again, and to free them, took single tests
    up to a minute late in a long process.
    """
    yield
    if BACKEND == "tensorflow":
        gc.freeze()


@pytest.fixture(autouse=True)
def _seeded(request):
    """Let each test draw the same numbers, whichever ran before it, also from a generator of its file."""
    keras.utils.set_random_seed(0)
    for own in vars(getattr(request.node, "module", None) or object).values():
        if isinstance(own, np.random.Generator):
            own.bit_generator.state = np.random.default_rng(_SEED).bit_generator.state


@pytest.fixture
def backend():
    return BACKEND
