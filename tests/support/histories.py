"""Histories made of arrays, without a model, for the tests of plots."""

import numpy as np

from kerascb_metrics import Binary, Multiclass, Multilabel, ScoreHistory
from kerascb_metrics.insight.thresholds import objective_of, with_chosen_threshold
from kerascb_metrics.interpret.losses import read_loss
from kerascb_metrics.pipeline.epoch_result import score_output
from kerascb_metrics.score.plan import Plan
from kerascb_metrics.tally.exact import ExactTally
from tests.support.arrays import rows_of

ROWS = 300


def history_of(task, y_true, passes, scoring=None, average="auto", loss=None, sample_weight=None):
    """Return the `ScoreHistory` of several passes over the same targets."""
    plan = Plan(scoring, task, average)
    history = ScoreHistory(plan.directions())
    for epoch, y_pred in enumerate(passes):
        tally = ExactTally(task.read(rows_of(y_true, y_pred, sample_weight), read_loss(loss)))
        if tally.labeling.chosen_by is not None:
            tally = with_chosen_threshold(tally, objective_of(plan.scoring_of(None), tally.labeling))
        found = score_output(tally, plan.scoring_of(None), on_error=_raise)
        history.append(epoch, found.values, found.records)
    return history


def binary_history(epochs=2, task=None, logits=False, **options):
    """Return `(history, y_true, y_pred of each epoch)` of a binary task; scores have ties, each epoch is better."""
    rng = np.random.default_rng(0)
    y_true = (rng.random(ROWS) < 0.3).astype(int)
    outputs = [np.round(rng.normal(size=ROWS) + (1 + epoch) * (y_true - 0.5), 1) for epoch in range(epochs)]
    passes = outputs if logits else [1 / (1 + np.exp(-z)) for z in outputs]
    return history_of(task or Binary(from_logits=logits), y_true, passes, **options), y_true, passes


def y_of(n_classes):
    """Return targets with rows of every class."""
    return np.resize(np.arange(n_classes), ROWS)


def multiclass_history(n_classes, epochs=2, class_names=None, **options):
    """Return the same for several classes."""
    rng = np.random.default_rng(1)
    y_true = y_of(n_classes)
    hot = np.eye(n_classes)[y_true]
    passes = [np.exp(rng.normal(size=hot.shape) + (1 + epoch) * hot) for epoch in range(epochs)]
    passes = [rows / rows.sum(axis=1, keepdims=True) for rows in passes]
    return history_of(Multiclass(class_names=class_names), y_true, passes, **options), y_true, passes


def labels_history(n_labels, epochs=2, **task):
    """Return the same for several labels."""
    rng = np.random.default_rng(2)
    y_true = (rng.random((ROWS, n_labels)) < 0.3).astype(int)
    passes = [1 / (1 + np.exp(-rng.normal(size=y_true.shape) - (1 + e) * (y_true - 0.5))) for e in range(epochs)]
    return history_of(Multilabel(**task), y_true, passes), y_true, passes


def _raise(name, error):
    raise error
