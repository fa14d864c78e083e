"""What the package does at the end of a pass: read the rows, check them, count, rank and score."""

from dataclasses import replace

import keras

from kerascb_metrics import Binary, Multiclass, Multilabel, Predictions
from kerascb_metrics.assess import assess
from kerascb_metrics.losses import read_loss
from kerascb_metrics.panel import auc_of_columns, binary_auc
from kerascb_metrics.scoring import Scoring

BINARY = Binary(), read_loss("binary_crossentropy")
BINARY_LOGITS = Binary(), read_loss(keras.losses.BinaryCrossentropy(from_logits=True))
MULTICLASS = Multiclass(), read_loss("sparse_categorical_crossentropy")
MULTILABEL = Multilabel(), read_loss("binary_crossentropy")


def panel(rows, reading=BINARY):
    """Return a function that assesses rows with the default panel, from the arrays on."""
    (task, loss), given, scoring = reading, _predictions(rows), Scoring(None)
    return lambda: assess(task.read(given, loss), scoring, on_error=_fail)


def weighted_auc(rows):
    """Return a function that computes the weighted ROC AUC alone, of rows that are read and checked."""
    evidence = _read(rows, BINARY)
    return lambda: binary_auc(replace(evidence, shared={}))


def column_auc(rows, reading):
    """Return a function that computes the macro AUC of the columns alone, of rows that are read and checked."""
    evidence = _read(rows, reading)
    return lambda: auc_of_columns(replace(evidence, shared={}), "macro")  # a replaced one has nothing cached


def _predictions(rows):
    return Predictions(rows.y_true, rows.y_pred, rows.sample_weight)


def _read(rows, reading):
    task, loss = reading
    return task.read(_predictions(rows), loss)


def _fail(name, error):
    raise error
