"""A module of the benchmark, measured in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness.machine import BACKENDS, installed, wide_instructions
from benchmarks.harness.table import Row, missing

ROOT = Path(__file__).parent.parent.parent
# glibc keeps what is freed, in place of returning it to the system. On a virtual machine whose memory comes from its
# host page by page, memory that is touched for the first time costs 30 times as much: the machine would be measured.
KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 33), "MALLOC_TRIM_THRESHOLD_": str(1 << 34)}


@dataclass(frozen=True)
class Job:
    """A module of `benchmarks`, measured in a process of its own.

    Attributes:
        module: its name within `benchmarks`.
        backend: Keras's backend there.
        simd: False hides the processor's wider instructions from NumPy.
        keeps_memory: False where memory is measured: what is freed is returned to the system, as is usual.
    """

    module: str
    backend: str = field(default_factory=lambda: next(filter(installed, reversed(BACKENDS)), "tensorflow"))
    simd: bool = True
    keeps_memory: bool = True

    @property
    def name(self):
        """Its name in the table and in messages."""
        return f"{self.module} ({self.backend})"

    def run(self, quick):
        """Return the rows of the table; a single row if the backend is missing or the process failed."""
        if not installed(self.backend):
            return [missing(self.name, f"{self.backend} is not installed")]
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.json"
            options = ["--quick"] if quick else []
            command = [sys.executable, "-m", "benchmarks.harness.child", self.module, str(file), *options]
            status = subprocess.run(command, cwd=ROOT, env=self._environment(), check=False).returncode
            if status != 0:
                return [Row(self.name, verdict="failed", note=f"exit status {status}")]
            return [Row(**row) for row in json.loads(file.read_text())]

    def _environment(self):
        own = {"KERAS_BACKEND": self.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        own |= KEPT_MEMORY if self.keeps_memory else {}
        if not self.simd:
            own["NPY_DISABLE_CPU_FEATURES"] = ",".join(wide_instructions())  # NumPy reads it when it is imported
        return os.environ | own
