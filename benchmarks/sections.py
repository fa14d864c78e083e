"""The sections of the benchmark: what `python -m benchmarks <section>` measures."""

from benchmarks.harness.job import Job
from benchmarks.harness.machine import BACKENDS

SECTIONS = {
    "scoring": [
        Job("scoring.binary"),
        Job("scoring.multiclass"),
        Job("scoring.multilabel"),
        Job("scoring.without_simd", simd=False),
        Job("scoring.thresholds"),
        Job("scoring.insight"),
    ],
    "fits": [Job("fitting.fits", backend) for backend in BACKENDS],
    "capture": [Job(f"fitting.{name}", backend) for name in ("capture", "fixed_cost") for backend in BACKENDS],
    "compiled": [Job("fitting.compiled", backend) for backend in BACKENDS],
    "pixels": [Job("fitting.pixels", backend) for backend in BACKENDS],
    "accelerator": [Job("fitting.accelerator", backend) for backend in BACKENDS],
    "streaming": [Job("memory.streaming")],
    "mirrored": [Job("fitting.mirrored", "tensorflow")],
    "processes": [Job("processes.exchange", "torch")],
    "memory": [Job("memory.peaks", keeps_memory=False), Job("memory.records")],
    "growth": [Job("scoring.growth")],
    "imports": [Job("startup.import_time")],
}
