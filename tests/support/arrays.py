"""Tallies and scores of arrays, for the tests that need no model."""

import numpy as np

from kerascb_metrics import Predictions
from kerascb_metrics.interpret.advice import read_rows
from kerascb_metrics.interpret.losses import LossReading, read_loss
from kerascb_metrics.pipeline.epoch_result import score_output
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally.exact import ExactTally


def rows_of(y_true, y_pred, sample_weight=None, mask=None):
    """`Predictions` of lists or arrays."""
    weight = None if sample_weight is None else np.asarray(sample_weight)
    return Predictions(np.asarray(y_true), np.asarray(y_pred), weight, None if mask is None else np.asarray(mask))


def read(task, y_true, y_pred, loss=None, **leaves):
    """The `ExactTally` of rows that a task reads, with the loss as one would compile it."""
    loss = loss if isinstance(loss, LossReading) else read_loss(loss)
    return ExactTally(read_rows(task, rows_of(y_true, y_pred, **leaves), loss))


def assessed(task, y_true, y_pred, scoring=None, average="auto", zero_division=0.0, loss=None, **leaves):
    """The `EpochResult` of some rows; a score that fails raises."""
    scoring = Scoring(scoring, average, zero_division)
    scoring.check(task.kind)
    labeled = read_rows(task, rows_of(y_true, y_pred, **leaves), read_loss(loss))
    return score_output(ExactTally(labeled, scoring.averages_precision), scoring, on_error=_raise)


def _raise(name, error):
    raise error


def assert_same(ours, theirs, tolerance=1e-12):
    """Assert the same shape, the same nans, and values within the tolerance."""
    assert np.shape(ours) == np.shape(theirs), f"shapes {np.shape(ours)} and {np.shape(theirs)}"
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance, equal_nan=True)
