"""scikeras: scikit-learn's estimators around Keras, which are cloned, and their callbacks with them."""

import pytest
from scikeras.wrappers import KerasClassifier
from sklearn.model_selection import cross_validate

from kerascb_metrics import Metrics
from tests.support.tool_fits import SHIFTS, Shift, X, Y, f1s, logit_model


def classifier(sign=1, **options):
    return KerasClassifier(logit_model, sign=sign, epochs=len(SHIFTS), verbose=0, **options)


def test_fit():
    metrics = Metrics(verbose=False)
    estimator = classifier(callbacks=[Shift(), metrics]).fit(X, Y, validation_data=(X, Y))
    assert estimator.history_["val_f1"] == metrics.f1s == f1s()


def test_class_with_its_arguments():
    estimator = classifier(callbacks=[Shift, Metrics], callbacks__1__scoring="f1", callbacks__1__verbose=False)
    estimator.fit(X, Y, validation_data=(X, Y))
    assert estimator.history_["val_f1"] == f1s()
    assert "val_kappa" not in estimator.history_


def test_cross_validation_clones_it():
    metrics = Metrics(verbose=False)
    estimator = classifier(callbacks=[Shift(), metrics])
    found = cross_validate(
        estimator, X, Y, cv=2, params={"validation_data": (X, Y)}, return_estimator=True, error_score="raise"
    )
    assert [fold.history_["val_f1"] for fold in found["estimator"]] == [f1s(), f1s()]
    assert metrics.history.epochs == []  # each clone has a copy
    assert [fold.callbacks[1].f1s for fold in found["estimator"]] == [f1s(), f1s()]


@pytest.mark.parametrize("callbacks", [lambda: [Shift(), Metrics(verbose=False)], lambda: [Shift, Metrics]])
def test_predict_after_fit_gets_the_callbacks_of_fit(callbacks):
    """scikeras passes `callbacks=` to predict too: no warning, and the scores of the fit stay."""
    estimator = classifier(callbacks=callbacks()).fit(X, Y, validation_data=(X, Y))
    assert estimator.predict(X).shape == Y.shape
    assert estimator.score(X, Y) > 0.5
    assert estimator.history_["val_f1"] == f1s()
