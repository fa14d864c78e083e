"""The callbacks that are compared: capture without scores, the callback of 2017, a single `model.predict`."""

import keras
import numpy as np
from sklearn import metrics

from kerascb_metrics.collect import validation_hook
from kerascb_metrics.collect.row_store import RowConsumer
from kerascb_metrics.collect.validation_hook import PassListener


class KeepRows(RowConsumer):
    """Keeps all rows, as `Metrics` does by default."""

    memory = "exact"


class CaptureOnly(PassListener, keras.callbacks.Callback):
    """Collects the rows of fit's validation pass, joined as `Metrics` gets them, and discards them."""

    def on_train_begin(self, logs=None):
        validation_hook.install(self.model)

    def on_validation_begin(self):
        return KeepRows()

    def on_validation_pass(self, collect, logs):
        collect()
        return {}

    def on_train_end(self, logs=None):
        validation_hook.remove(self.model)


class Metrics2017(keras.callbacks.Callback):
    """The callback that was copied often since 2017, unchanged except for its data.

    Keras no longer gives callbacks the validation data, so they are arguments here. It predicts with the batch size of
    the fit; the callback of 2017 always used 32.
    """

    def __init__(self, x, y, batch_size):
        super().__init__()
        self.data, self.batch_size = (x, y), batch_size

    def on_train_begin(self, logs=None):
        self.confusion, self.precision, self.recall, self.f1s, self.kappa, self.auc = [], [], [], [], [], []

    def on_epoch_end(self, epoch, logs=None):
        score = np.asarray(self._predict())
        predict = np.round(np.asarray(self._predict()))
        target = self.data[1]
        self.auc.append(metrics.roc_auc_score(target, score))
        self.confusion.append(metrics.confusion_matrix(target, predict))
        self.precision.append(metrics.precision_score(target, predict))
        self.recall.append(metrics.recall_score(target, predict))
        self.f1s.append(metrics.f1_score(target, predict))
        self.kappa.append(metrics.cohen_kappa_score(target, predict))

    def _predict(self):
        return self.model.predict(self.data[0], batch_size=self.batch_size, verbose=0)


class PredictOnce(keras.callbacks.Callback):
    """The least that a callback with its own predictions can cost: one `model.predict` per epoch, no scores."""

    def __init__(self, x, batch_size):
        super().__init__()
        self.x, self.batch_size = x, batch_size

    def on_epoch_end(self, epoch, logs=None):
        self.model.predict(self.x, batch_size=self.batch_size, verbose=0)
