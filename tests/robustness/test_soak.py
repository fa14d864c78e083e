"""A short run of soak.py: epochs and fits leave nothing behind that accumulates. No time is measured."""

import gc

import pytest

from tests.robustness import soak
from tests.support.models import BACKEND

pytestmark = pytest.mark.slow
EPOCHS, FITS = 12, 3
SAMPLES = (2, 6, 10)  # 0 and 1 warm up
# An epoch's record: its scores, its counts and its curves, in the history of each of the two Metrics.
OBJECTS_AN_EPOCH = 40


def test_nothing_accumulates():
    model, metrics = soak.counting_model(), soak.metrics_of_a_fit()
    watches = [soak.fit(model, EPOCHS, metrics, SAMPLES) for _ in range(FITS)]
    for watch in watches:
        early, middle, late = (watch.samples[epoch] for epoch in SAMPLES)
        for before, after in ((early, middle), (middle, late)):
            assert (after.objects - before.objects) / 4 <= OBJECTS_AN_EPOCH
            assert after.files == before.files
            if BACKEND != "torch":
                assert after.traces == before.traces, "nothing is traced after the first epoch"
    second, third = (watch.samples[SAMPLES[-1]] for watch in watches[1:])
    # A quarter of what a fit records is allowed: caches of JAX that other tests have filled come and go.
    assert third.objects - second.objects <= EPOCHS * OBJECTS_AN_EPOCH / 4, (
        "the objects of a fit are released by the next fit"
    )
    assert third.files == second.files
    if BACKEND == "torch":  # no tracing: each batch of each pass runs the step once
        assert third.traces - second.traces == EPOCHS * 4
    assert all(len(one.f1s) == EPOCHS for one in metrics)


def test_the_check_would_notice_a_leak():
    """A callback that keeps something from each epoch shows in the samples."""

    class Hoards(soak.keras.callbacks.Callback):
        kept = []

        def on_epoch_end(self, epoch, logs=None):
            self.kept += [[epoch] for _ in range(1000)]

    watch = soak.fit(soak.counting_model(), 5, [Hoards()], (2, 4))
    assert watch.samples[4].objects - watch.samples[2].objects > 2 * OBJECTS_AN_EPOCH
    Hoards.kept.clear()
    gc.collect()
