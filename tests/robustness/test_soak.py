"""A short run of soak.py: epochs and fits leave nothing behind that accumulates. No time is measured."""

import gc
import threading
from itertools import pairwise
from statistics import median

import pytest

from tests.robustness import soak
from tests.support.models import BACKEND

pytestmark = pytest.mark.slow
EPOCHS, FITS = 12, 5
SAMPLES, EPOCHS_BETWEEN = (2, 6, 10), 4  # 0 and 1 warm up
# An epoch's record: its scores, its counts and its curves, in the history of each of the two Metrics.
OBJECTS_AN_EPOCH = 40


@pytest.fixture(autouse=True)
def only_new_objects():
    """What other tests have left is not counted, nor looked through in each sample."""
    tracer = threading.gettrace()
    threading.settrace(None)  # coverage keeps a tracer of each thread
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    threading.settrace(tracer)


def samples(watch):
    return [watch.samples[epoch] for epoch in SAMPLES]


def test_nothing_accumulates():
    model, metrics = soak.counting_model(), soak.metrics_of_a_fit()
    watches = [soak.fit(model, EPOCHS, metrics, SAMPLES) for _ in range(FITS)]
    for watch in watches:
        early, _, late = samples(watch)
        assert len({sample.files for sample in samples(watch)}) == 1
        if BACKEND != "torch":
            assert late.traces == early.traces, "nothing is traced after the first epoch"
    # What is left behind is left behind each time, so the median shows it; caches come and go.
    growth_of_epochs = [
        after.objects - before.objects for watch in watches for before, after in pairwise(samples(watch))
    ]
    assert median(growth_of_epochs) <= EPOCHS_BETWEEN * OBJECTS_AN_EPOCH
    lasts = [samples(watch)[-1] for watch in watches[1:]]  # the first fit warms up
    growth_of_fits = [after.objects - before.objects for before, after in pairwise(lasts)]
    assert median(growth_of_fits) <= EPOCHS * OBJECTS_AN_EPOCH / 4, "the objects of a fit are released by the next fit"
    assert len({last.files for last in lasts}) == 1
    if BACKEND == "torch":  # no tracing: each batch of each pass runs the step once
        assert all(after.traces - before.traces == EPOCHS * 4 for before, after in pairwise(lasts))
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
