"""What the package does at the end of a pass: interpret the rows, count, rank and score them."""

from dataclasses import replace

import keras

from kerascb_metrics import Binary, Multiclass, Multilabel, Predictions
from kerascb_metrics._blocks import columns_of
from kerascb_metrics.interpret.losses import read_loss
from kerascb_metrics.pipeline.epoch_result import score_output
from kerascb_metrics.score.areas import binary_auc, columns_auc
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally.exact import ExactTally

BINARY = Binary(), read_loss("binary_crossentropy")
BINARY_LOGITS = Binary(), read_loss(keras.losses.BinaryCrossentropy(from_logits=True))
MULTICLASS = Multiclass(), read_loss("sparse_categorical_crossentropy")
MULTILABEL = Multilabel(), read_loss("binary_crossentropy")


def panel(rows, reading=BINARY):
    """Return a function that computes the default panel from the arrays."""
    (task, loss), given, scoring = reading, _predictions(rows), Scoring(None)
    return lambda: score_output(ExactTally(task.read(given, loss)), scoring, on_error=_fail)


def weighted_auc(rows):
    """Return a function that computes only the weighted ROC AUC, from rows that are already interpreted."""
    tally = _read(rows, BINARY)
    return lambda: binary_auc(replace(tally, memo={}))


def column_auc(rows, reading):
    """Return a function that computes only the macro AUC of the columns, from rows that are already interpreted."""
    tally = _read(rows, reading)
    return lambda: columns_auc(replace(tally, memo={}), "macro")  # a replaced one has nothing cached


def layout(rows, reading):
    """Return a function that copies the columns of scores and truth, all at once; ranking does it in tiles."""
    tally, columns = _read(rows, reading), list(range(rows.y_pred.shape[1]))
    return lambda: (columns_of(tally.y_score, columns), list(tally.are_of(columns)))


def counting(rows, reading):
    """Return a function that counts labels, or pairs of classes."""
    tally = _read(rows, reading)
    name = "label_tables" if tally.kind == "multilabel" else "counts"
    return lambda: getattr(replace(tally, memo={}), name)


def _predictions(rows):
    return Predictions(rows.y_true, rows.y_pred, rows.sample_weight)


def _read(rows, reading):
    task, loss = reading
    return ExactTally(task.read(_predictions(rows), loss))


def _fail(name, error):
    raise error
