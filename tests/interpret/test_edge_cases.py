"""Edge cases: the last class that fits into a byte, nearly one-hot targets, thresholds, weights, no rows, scorers."""

from fractions import Fraction

import keras
import numpy as np
import pytest
from scipy.special import expit, logit

from kerascb_metrics import Binary, DataError, Multiclass, Multilabel, Regression
from kerascb_metrics.interpret.thresholds import thresholds_between
from kerascb_metrics.interpret.weights import FOUR_FACTORS, TWO_FACTORS, for_sums, tamed
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally.exact import Counts
from tests.support.arrays import assessed, read

LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
P = np.array([0.2, 0.5, 0.6, 0.9], "float32")
Y = np.array([0, 1, 0, 1])


@pytest.mark.parametrize("one_hot", [False, True])
@pytest.mark.parametrize("n_classes", [2, 255, 256, 257, 258])
def test_the_last_class_is_not_confused_with_the_first(n_classes, one_hot):
    last = n_classes - 1
    y_true, y_pred = np.array([last, 0, last]), np.eye(n_classes, dtype="float32")[[last, 0, 1]]
    tally = read(Multiclass(), np.eye(n_classes)[y_true] if one_hot else y_true, y_pred)
    assert tally.y_true.tolist() == [last, 0, last]
    assert tally.y_pred.tolist() == [last, 0, 1]


def test_targets_that_only_add_up_to_one_are_not_one_hot():
    soft = np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1]])
    with pytest.raises(DataError, match="must be one-hot"):
        read(Multiclass(), soft, np.eye(3))


@pytest.mark.parametrize("positions", [1, 2, 5])
def test_multiclass_with_few_or_many_positions(positions):
    y_true = np.arange(4 * positions).reshape(4, positions) % 3
    tally = read(Multiclass(), y_true, np.eye(3)[y_true])
    assert tally.y_pred.tolist() == tally.y_true.tolist() == y_true.ravel().tolist()


def test_multiclass_with_one_column_and_several_positions_raises():
    with pytest.raises(DataError, match=r"C of 2 or more; received \(4, 3, 1\)"):
        read(Multiclass(), np.zeros((4, 3), int), np.full((4, 3, 1), 0.5))


@pytest.mark.parametrize("threshold", [-0.5, -0.001, 1, 1.5])
@pytest.mark.parametrize(("task", "y_true"), [(Binary, Y), (Multilabel, np.eye(4))])
def test_a_threshold_that_is_not_a_probability_raises(task, y_true, threshold):
    with pytest.raises(DataError, match="must be a probability of at least 0 and below 1"):
        read(task(threshold=threshold), y_true, P if y_true.ndim == 1 else np.tile(P, (4, 1)))


@pytest.mark.parametrize("threshold", [np.nan, np.inf, "0.5", True, [[0.5, "a"]]])
@pytest.mark.parametrize("task", [Binary, Multilabel])
def test_a_threshold_that_is_no_number_raises_before_training(task, threshold):
    with pytest.raises(ValueError, match="threshold must be"):
        task(threshold=threshold)


def test_the_threshold_is_converted_to_the_scale_of_the_outputs():
    assert read(Binary(threshold=0.3), Y, P).threshold == 0.3
    assert read(Binary(threshold=0.3), Y, P, LOGITS).threshold == pytest.approx(np.log(0.3 / 0.7))
    assert read(Binary(threshold=0.3), Y, P, "hinge").threshold == 0.3
    several = read(Multilabel(threshold=[0.3, 0.5]), np.eye(2), np.eye(2), LOGITS)
    np.testing.assert_allclose(several.threshold, [np.log(0.3 / 0.7), 0])
    assert read(Multiclass(), Y, np.eye(3)[Y]).threshold is None


def test_the_number_of_outputs_that_are_not_finite_is_named():
    outputs = np.array([[0.1, np.nan], [0.3, 0.4], [np.inf, 0.5]])
    assert read(Multilabel(), np.zeros((3, 2)), outputs).undefined == "2 of 6 outputs are NaN or infinite"


def test_a_multilabel_error_names_the_task_and_its_own_remedy():
    with pytest.raises(DataError, match=r"a multilabel task needs targets 0 and 1.* Pass task='regression'\.$"):
        read(Multilabel(), np.full((4, 3), 2), np.full((4, 3), 0.5))


def test_a_regression_score_may_be_an_array():
    def errors(y_true, y_pred):
        return np.abs(y_true - y_pred).mean(axis=0)

    y_true = np.zeros((4, 2))
    assert assessed(Regression(), y_true, y_true + np.array([1, 2]), errors).entries == {
        "errors_0": 1.0,
        "errors_1": 2.0,
    }


@pytest.mark.parametrize("weight", [None, np.zeros(0)])
def test_counts_of_no_rows_are_zero(weight):
    none = np.zeros(0, int)
    np.testing.assert_array_equal(Counts.of(none, none, 3, weight).matrix(), np.zeros((3, 3)))


def test_which_scores_have_one_value_per_class():
    scoring = {"mine": "f1", "precision": "precision", "auc": "auc", "recall": "recall", "f1": "f1_macro"}
    assert Scoring(scoring, average=None).by_class == ["mine", "precision", "recall"]
    assert Scoring(scoring).by_class == []


def test_the_labels_of_a_metric_function_are_integers():
    for task, y_true, y_pred in [
        (Binary(), Y, P),
        (Multiclass(), Y, np.eye(2)[Y]),
        (Multilabel(), np.eye(4), np.eye(4)),
    ]:
        assert [labels.dtype for labels in read(task, y_true, y_pred).labels] == [np.int64, np.int64]


@pytest.mark.parametrize("average", ["micro", "samples"])
def test_a_missing_class_does_not_make_a_pooled_score_undefined(average):
    y_true, p = np.array([[1, 0, 0], [1, 0, 1]]), np.array([[0.9, 0.1, 0.1], [0.8, 0.1, 0.9]])
    assert assessed(Multilabel(), y_true, p, ["f1", "precision", "recall"], average=average).undefined == {}
    if average == "micro":
        y_pred = np.eye(3)[[0, 1, 1, 0]]
        assert assessed(Multiclass(), [0, 1, 2, 0], y_pred, ["f1", "precision"], average="micro").undefined == {}


def of_estimator(estimator, x, y):
    return float(estimator.predict(x)[y == 1].mean())


def of_clf(clf, x, y):
    return float(clf.predict(x)[y == 1].mean())


def of_model(model, x, y):
    return float(model.predict(x)[y == 1].mean())


@pytest.mark.parametrize("scorer", [of_estimator, of_clf, of_model])
def test_a_scorer_is_recognized_by_its_first_parameter(scorer):
    assert assessed(Binary(), Y, P, {"recall": scorer}).values == {"recall": 0.5}
    assert [score.greater_is_better for score in Scoring({"recall": scorer}).scores] == [True]


@pytest.mark.parametrize(
    ("weights", "ordinary"),
    [
        ([0.0, 0.0], True),
        ([0.0, 1.0], True),
        ([2.0**200, 2.0**-200], True),
        ([0, 3], True),
        ([1.0, 2.0**201], False),
        ([1.0, 2.0**-201], False),
        ([0.0, 2.0**-201], False),
    ],
)
def test_weights_of_an_ordinary_size_are_not_scaled(weights, ordinary):
    given = np.array(weights)
    assert (tamed(given) is given) == ordinary


@pytest.mark.parametrize("top", [FOUR_FACTORS, TWO_FACTORS])
@pytest.mark.parametrize("size", [1e-300, 1e300])
@pytest.mark.parametrize("rows", [1, 7, 4096])
def test_scaled_weights_add_up_to_about_a_power_of_two(rows, size, top):
    total = sum(map(Fraction, tamed(np.full(rows, size), top).tolist()))
    assert Fraction(2) ** (top - 2) <= total < Fraction(2) ** top


@pytest.mark.parametrize(("size", "other"), [(1e305, 1e-20), (1e-10, 1e-300), (1e-300, 5e-324)])
def test_weights_that_are_added_up_keep_their_shares(size, other):
    given = np.array([size, other])
    scaled = for_sums(given)
    assert 1 / 16 < scaled[0] < 1e300  # neither taken for 0, nor too large for a sum
    assert Fraction(scaled[0].item()) / Fraction(scaled[1].item()) == Fraction(size) / Fraction(other)


def test_the_weight_of_a_row_counts_for_each_of_its_labels():
    weight = np.full(2, 3e306)
    assert read(Binary(), [0, 1], [0.2, 0.7], sample_weight=weight).sample_weight.tolist() == weight.tolist()
    with pytest.raises(DataError, match="sum of the sample weights is too large"):
        read(Multilabel(), np.eye(2, 3), np.full((2, 3), 0.5), sample_weight=weight)


INF = np.inf
# Two scores → the threshold halfway between them; None: any that separates them; nan: the unit has none.
SEPARATED = {
    "probability": [
        (0.25, 0.75, 0.5),
        (0.0, 0.5, 0.25),
        (0.0, 2.0**-149, 0.0),
        (0.5, np.nextafter(np.float32(0.5), np.float32(1)), 0.5),
        (-INF, 0.5, 0.25),
        (0.75, INF, 0.875),
        (-INF, 0.0, np.nan),
        (1.0, INF, np.nan),
    ],
    "margin": [
        (-3.0, 1.0, -1.0),
        (2.0, np.nextafter(np.float32(2), np.float32(3)), 2.0),
        (-3e38, 3e38, 0.0),
        (2e38, 3e38, float(np.float32(2e38) / 2 + np.float32(3e38) / 2)),
        (-INF, 1.0, float(np.nextafter(np.float32(1), np.float32(0)))),
        (2.0, INF, 2.0),
    ],
    "logit": [
        (-2.0, 2.0, 0.5),
        (0.0, 2.0, expit(1.0)),
        (-8.0, -6.0, expit(-7.0)),
        (0.0, np.nextafter(np.float32(0), np.float32(1)), 0.5),
        (1.5, np.nextafter(np.float32(1.5), np.float32(2)), None),
        (-0.7, np.nextafter(np.float32(-0.7), np.float32(0)), None),
        (30.0, 36.0, None),
        (-700.0, -40.0, expit(-370.0)),
        (-INF, 2.0, expit(2.0) / 2),
        (-INF, -800.0, 0.0),
        (2.0, INF, (1 + expit(2.0)) / 2),
        (36.0, INF, None),
        (37.0, 38.0, np.nan),
        (40.0, INF, np.nan),
    ],
}


@pytest.mark.parametrize(
    ("scale", "lower", "upper", "expected"), [(scale, *own) for scale, rows in SEPARATED.items() for own in rows]
)
def test_a_threshold_separates_two_scores(scale, lower, upper, expected):
    ends = np.array([lower, upper], "float32")
    (found,) = thresholds_between(ends[:1], ends[1:], scale)
    if expected is not None:
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=0)
    if not np.isnan(found):
        loss = {"probability": "bce", "margin": "hinge", "logit": LOGITS}[scale]
        rows = np.isfinite(ends)
        labels = read(Binary(threshold=float(found)), np.array([0, 1])[rows], ends[rows], loss).y_pred
        assert labels.tolist() == np.array([0, 1])[rows].tolist()


def test_a_probability_separates_neighbouring_logits_where_there_is_one():
    lower = np.random.default_rng(0).normal(scale=2, size=300)
    upper = np.nextafter(lower, INF)
    nearby = [expit(lower)]
    for end in (0.0, 1.0):
        step = expit(lower)
        for _ in range(8):
            step = np.nextafter(step, end)
            nearby.append(step)
    tried = np.stack(nearby)
    separates = (logit(tried) >= lower) & (logit(tried) < upper)
    found = thresholds_between(lower, upper, "logit")
    assert np.isnan(found).tolist() == (~separates.any(axis=0)).tolist()
    cuts = logit(found[~np.isnan(found)])
    assert ((cuts >= lower[~np.isnan(found)]) & (cuts < upper[~np.isnan(found)])).all()


def test_outputs_are_compared_with_thresholds_in_their_own_precision():
    """As float32, 0.1 is greater than the float64 number; as an integer, −0.5 would be 0."""
    given = [0.1, 0.2, 0.7]
    assert not read(Multilabel(threshold=given), np.eye(3), np.tile(np.array(given, "float32"), (3, 1))).y_pred.any()
    whole = read(Multilabel(threshold=-0.5, from_logits=False), np.eye(2), np.array([[0, -1], [1, 0]]))
    assert whole.y_pred.tolist() == [[1, 0], [1, 1]]
