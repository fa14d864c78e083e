"""Estimators for scikit-learn's scorers: classes are sorted, and outputs are in the order of the classes."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class Margins(ClassifierMixin, BaseEstimator):
    """A classifier without probabilities, which returns the given labels and decisions."""

    def __init__(self, classes, labels, decision, proba=None):
        self.classes_, self.labels, self.decision, self.proba = classes, labels, decision, proba

    def fit(self, X, y):  # noqa: N803
        return self

    def predict(self, X):  # noqa: N803
        return self.labels

    def decision_function(self, X):  # noqa: N803
        return self.decision


class Probabilities(Margins):
    def predict_proba(self, X):  # noqa: N803
        return self.proba


class Values(RegressorMixin, BaseEstimator):
    def __init__(self, values):
        self.values = values

    def fit(self, X, y):  # noqa: N803
        return self

    def predict(self, X):  # noqa: N803
        return self.values


def classifier(classes, labels, decision, proba=None):
    """A classifier of classes in any order; `decision` and `proba` by column, or of the second of two classes."""
    kind = Margins if proba is None else Probabilities
    if isinstance(classes, list):  # several labels, each with its own classes
        return kind(classes, labels, decision, proba)
    order = np.argsort(classes)
    if decision.ndim > 1:
        decision = decision[:, order]
    elif order[0] == 1:
        decision = -decision
    return kind(np.asarray(classes)[order], labels, decision, None if proba is None else proba[:, order])
