"""What the figures depend on: versions, processor, date."""

import datetime
import importlib.util
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

PACKAGES = ("kerascb_metrics", "numpy", "scipy", "scikit-learn", "keras", "jax", "torch", "torchmetrics")
BACKENDS = ("tensorflow", "jax", "torch")


def facts():
    """Return versions, processor and date, as name → text."""
    tensorflow = next(filter(None, map(_version, ("tensorflow", "tensorflow-cpu"))), None)
    versions = {name: _version(name) for name in PACKAGES} | {"tensorflow": tensorflow}
    versions["keras"] = versions["keras"] or _version("keras-nightly")
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: found or "missing" for name, found in versions.items()},
    }


def processor():
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def installed(backend):
    """Return whether a backend is installed."""
    return importlib.util.find_spec(backend) is not None


def wide_instructions():
    """Return the processor features that NumPy uses in this process and that can be switched off."""
    return [feature for feature in __cpu_dispatch__ if __cpu_features__[feature]]


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
