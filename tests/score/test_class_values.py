"""Values per class and per column where some have none: nan there, with the cause, and the others are kept."""

import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, Multiclass, Multilabel, Ordinal, Regression
from kerascb_metrics.score.scoring import Scoring
from tests.support.arrays import assert_same, read

RNG = np.random.default_rng(3)
N = 30
BITS = RNG.integers(0, 2, (N, 3))
SCORES = np.clip(0.3 * BITS + 0.7 * RNG.random((N, 3)), 0, 1)
ONES = np.ones(N, int)
NAN = np.full((N, 3), np.nan)
EACH = [sk.roc_auc_score(BITS[:, k], SCORES[:, k]) for k in range(3)]
PRECISIONS = [sk.average_precision_score(BITS[:, k], SCORES[:, k]) for k in range(3)]
NO_1, ALL_1 = BITS * [1, 0, 1], np.maximum(BITS, [0, 1, 0])


def values_of(task, y_true, y_pred, scoring, loss=None):
    return Scoring(scoring, per_class=True).score(read(task, y_true, y_pred, loss))


# Name: (task, targets, outputs, loss, score, its values per class, words of the cause).
CASES = {
    "one class of two": (Binary(), ONES, SCORES[:, 0], None, "auc", [np.nan] * 2, "class 0"),
    "one class of two, precision": (Binary(), ONES, SCORES[:, 0], None, "average_precision", [0, 1], "class 0"),
    "margins": (Multiclass(), np.arange(N) % 3, SCORES, "categorical_hinge", "auc", [np.nan] * 3, "margins"),
    "margins of labels": (Multilabel(), BITS, SCORES - 0.5, "hinge", "auc", EACH, None),
    "no 1": (Multilabel(), NO_1, SCORES, None, "auc", [EACH[0], np.nan, EACH[2]], "no true label of class 1"),
    "only 1": (Multilabel(), ALL_1, SCORES, None, "auc", [EACH[0], np.nan, EACH[2]], "every row has the label 1"),
    "no 1, precision": (
        *(Multilabel(), NO_1, SCORES, None),
        *("average_precision", [PRECISIONS[0], 0, PRECISIONS[2]], "no true label of class 1"),
    ),
    "only 1, precision": (
        *(Multilabel(), ALL_1, SCORES, None),
        *("average_precision", [PRECISIONS[0], 1, PRECISIONS[2]], None),
    ),
    "outputs that are nan": (Multilabel(), BITS, NAN, None, "f1", [np.nan] * 3, "NaN"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_values_of_the_classes_that_have_one(case):
    *rows, loss, name, expected, cause = CASES[case]
    found = values_of(*rows, name, loss)
    assert_same(found.by_class[name], expected)
    assert (name in found.undefined) == (cause is not None)
    assert cause is None or cause in found.undefined[name]
    assert not found.errors


@pytest.mark.parametrize(
    ("task", "y_true", "y_pred", "shape"),
    [
        (Binary(), ONES, NAN[:, 0], (2, 2)),
        (Multiclass(), ONES, NAN, (3, 3)),
        (Multilabel(), BITS, NAN, (3, 2, 2)),
        (Ordinal([0, 1, 2]), ONES, NAN[:, 0], (3, 3)),
    ],
    ids=["binary", "multiclass", "multilabel", "ordinal"],
)
def test_a_pass_that_cannot_be_scored_has_every_shape(task, y_true, y_pred, shape):
    found = values_of(task, y_true, y_pred, None)
    assert np.shape(found.values["confusion"]) == shape
    for name, values in found.by_class.items():
        assert_same(values, np.full(shape[0], np.nan))
        assert_same(found.values[name], np.nan)
    assert found.by_class.keys() >= {"f1", "precision", "recall"}
    assert all(np.isnan(value).all() for value in found.values.values())
    assert set(found.undefined) == set(found.values)
    assert all("NaN" in cause for cause in found.undefined.values())


def test_a_function_that_fails_for_each_class_only():
    def own(y_true, y_pred, average="macro"):
        if average is None:
            raise KeyError("no such average")
        return 0.5

    found = values_of(Multiclass(), ONES, SCORES, {"own": own, "f1": "f1"})
    assert found.values["own"] == 0.5
    assert_same(found.by_class["own"], [np.nan] * 3)
    assert list(found.errors) == ["own"]
    assert isinstance(found.errors["own"], KeyError)
    assert_same(found.by_class["f1"], sk.f1_score(ONES, SCORES.argmax(1), average=None, zero_division=0.0))


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_columns_of_a_regression_have_values_if_there_are_several(columns):
    y, p = SCORES[:, :columns], SCORES[::-1, :columns]
    found = values_of(Regression(), y, p, ["mae", "neg_max_error"])
    assert list(found.by_class) == ([] if columns == 1 else ["mae"])
    if columns > 1:
        assert_same(found.by_class["mae"], sk.mean_absolute_error(y, p, multioutput="raw_values"))


def test_the_first_column_without_rows_is_named():
    y = np.where([True, False, True], np.nan, SCORES)
    y[::2, 1] = np.nan
    found = values_of(Regression(ignore_class=np.nan), y, SCORES[::-1], "mae")
    some = ~np.isnan(y[:, 1])
    assert_same(found.by_class["mae"], [np.nan, sk.mean_absolute_error(y[some, 1], SCORES[::-1][some, 1]), np.nan])
    assert found.undefined["mae"].startswith("column 0: ")
