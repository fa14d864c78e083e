"""`Ordinal` on arrays: one column or several, any spacing of grades, against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import DataError, Metrics, Ordinal, make_prediction_scorer
from kerascb_metrics.interpret.columns import nearest_grades
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.losses import read_loss
from kerascb_metrics.score.panels import ORDINAL_PANEL
from kerascb_metrics.tally.exact import ExactTally
from kerascb_metrics.tally.streaming import Accumulator
from tests.support.arrays import assert_same

RNG = np.random.default_rng(18)
N = 60
WEIGHT = RNG.random(N) + 0.1
PLACE = RNG.integers(0, 4, N)
GRADES = {
    "0 to 3": [0, 1, 2, 3],
    "uneven": [-10, 1, 2, 40],
    "unsigned": np.array([1, 2, 3, 5], "uint8"),
    "halves": [0.5, 1.0, 1.5, 4.0],
    "fractions": [0.1, 0.2, 0.4, 0.9],
    "not in order": [3, 1, 4, 2],
    "range": range(2, 6),
}


def one_column(grades):
    """Targets and outputs of which some are half-way, and some beyond the ends."""
    ends = np.sort(np.asarray(grades).astype(float))
    y_true = np.asarray(grades)[PLACE]
    y_pred = y_true + RNG.normal(size=N) * np.ptp(ends) / 4
    y_pred[:3], y_pred[3:6] = (ends[:-1] + np.diff(ends) / 2), (ends[0] - 9, ends[-1] + 9, ends[0])
    return y_true, y_pred


def nearest(y_pred, grades):
    """The grade of each output: of two that are as near, the lower one."""
    ends = np.sort(np.asarray(grades).astype(float))
    halves = ends[:-1] + np.diff(ends) / 2
    return np.array([ends[sum(value > half for half in halves)] for value in y_pred])


def reference(y_true, y_pred, grades, weight=None):
    """scikit-learn's values. It takes classes that are fractions for numbers, so it gets their places."""
    order = np.sort(np.asarray(grades).astype(float))
    true, predicted = (np.searchsorted(order, np.asarray(values).astype(float)) for values in (y_true, y_pred))
    own, labels = {"sample_weight": weight}, range(len(order))
    averaged = {"average": "macro", "zero_division": 0.0, **own}
    kappas = {
        f"kappa{'' if how is None else '_' + how}": sk.cohen_kappa_score(
            true, predicted, labels=labels, weights=how, **own
        )
        for how in (None, "linear", "quadratic")
    }
    return {
        "f1": sk.f1_score(true, predicted, **averaged),
        "precision": sk.precision_score(true, predicted, **averaged),
        "recall": sk.recall_score(true, predicted, **averaged),
        **kappas,
        "mae": sk.mean_absolute_error(order[true], order[predicted], **own),
        "confusion": sk.confusion_matrix(true, predicted, labels=labels, **own),
    }


@pytest.mark.parametrize("memory", ["exact", "bounded"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weights"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", GRADES)
def test_one_column(case, dtype, weight, memory):
    grades = GRADES[case]
    y_true, y_pred = one_column(grades)
    y_true, y_pred = y_true.astype(dtype), y_pred.astype(dtype)
    task, scoring = Ordinal(grades), Metrics(task=Ordinal(grades), memory=memory)._plan.scoring_of(None)
    labeled = task.read(Rows(y_true, y_pred, weight), read_loss("mse"))
    if memory == "exact":
        tally = ExactTally(labeled)
    else:
        counts = Accumulator(scoring.ranks("ordinal"))
        counts.add(labeled, dtype)
        tally = counts.tally()
    found = scoring.score(tally)
    expected = reference(np.sort(grades)[labeled.y_true], nearest(y_pred.astype(float), grades), grades, weight)
    assert not found.errors
    assert list(found.values) == list(ORDINAL_PANEL)
    for name, value in expected.items():
        assert_same(found.values[name], value)


@pytest.mark.parametrize("one_hot", [False, True], ids=["grades", "one-hot"])
@pytest.mark.parametrize("case", [None, "0 to 3", "uneven", "fractions"])
def test_several_columns(case, one_hot):
    grades = list(range(4)) if case is None else GRADES[case]
    y_pred = RNG.normal(size=(N, 4)) + 2 * np.eye(4)[PLACE]
    y_pred[0] = 0.0  # of columns that are as high, the first
    y_true = np.eye(4)[PLACE] if one_hot else np.asarray(grades)[PLACE]
    task = Ordinal(None if case is None else grades, from_logits=True)
    found = Metrics(task=task).score(y_true, y_pred, WEIGHT)
    expected = reference(np.asarray(grades)[PLACE], np.asarray(grades)[y_pred.argmax(1)], grades, WEIGHT)
    assert list(found) == list(ORDINAL_PANEL)
    for name, value in expected.items():
        assert_same(found[name], value)


def test_columns_in_another_order():
    grades, y_pred = np.array([3, 1, 4, 2]), RNG.random((N, 4))
    found = Metrics(["kappa_quadratic", "mae"], task=Ordinal(grades, from_logits=True)).score(grades[PLACE], y_pred)
    expected = reference(grades[PLACE], grades[y_pred.argmax(1)], grades)
    assert_same([found[name] for name in found], [expected[name] for name in found])


def test_halves_go_down_and_values_are_clipped():
    outputs = np.array([-np.finfo(float).max, 1.5, np.nextafter(1.5, 2), 3.0, 1e30])
    assert nearest_grades(outputs, np.array([1, 2, 4])).tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("options", [{"average": "micro"}, {"average": "weighted"}, {"average": None}])
@pytest.mark.parametrize("case", ["uneven", "fractions"])
def test_names_beyond_the_panel(case, options):
    y_true, y_pred = one_column(GRADES[case])
    places = [np.searchsorted(GRADES[case], values) for values in (y_true, nearest(y_pred, GRADES[case]))]
    functions = {
        "f1": (sk.f1_score, {"labels": range(4), **options}),
        "accuracy": (sk.accuracy_score, {}),
        "balanced_accuracy": (sk.balanced_accuracy_score, {}),
        "mcc": (sk.matthews_corrcoef, {}),
        "iou": (sk.jaccard_score, options),
        "f2": (sk.fbeta_score, {"beta": 2, **options}),
        "f1_macro": (sk.f1_score, {"average": "macro"}),
        "own": (sk.make_scorer(sk.f1_score, average="macro", labels=GRADES[case][:2]), None),
    }
    scoring = {name: function if own is None else name for name, (function, own) in functions.items()}
    found = Metrics(scoring, task=Ordinal(GRADES[case]), **options).score(y_true, y_pred)
    for name, (function, own) in functions.items():
        if own is None:
            assert_same(found[name], sk.f1_score(*places, average="macro", labels=[0, 1]))
        else:
            assert_same(found[name], function(*places, **own))


def test_scores_of_rows_get_the_grades():
    y_true, y_pred = one_column([1, 2, 4, 8])
    own = nearest(y_pred, [1, 2, 4, 8])

    def off_by_more_than_one(y_true, y_pred):
        return float((np.abs(y_true - y_pred) > 1).mean())

    whole = make_prediction_scorer(lambda predictions: float(predictions.y_pred.max()))
    scoring = {"off": off_by_more_than_one, "mse": "neg_mean_squared_error", "highest": whole}
    found = Metrics(scoring, task=Ordinal([1, 2, 4, 8])).score(y_true, y_pred)
    assert found["off"] == (np.abs(y_true - own) > 1).mean()
    assert_same(found["mse"], -sk.mean_squared_error(y_true, own))
    assert found["highest"] == y_pred.max()


def test_per_class_has_f1_of_each_grade_and_no_mae():
    y_true, y_pred = one_column(GRADES["fractions"])
    found = Metrics(["f1", "mae"], task=Ordinal(GRADES["fractions"]), per_class=True).score(y_true, y_pred)
    places = [
        np.searchsorted(GRADES["fractions"], values) for values in (y_true, nearest(y_pred, [0.1, 0.2, 0.4, 0.9]))
    ]
    assert list(found) == ["f1", "mae", "f1_0.1", "f1_0.2", "f1_0.4", "f1_0.9"]
    assert_same(list(found.values())[2:], sk.f1_score(*places, average=None))


# What is left out.

LEFT_OUT = {
    "a value": ({"ignore_class": -1}, [-1, 2, 3, 1], [9.0, 1.9, 2.2, 1.0], None, None),
    "missing": ({"ignore_class": float("nan")}, [np.nan, 2, 3, 1], [9.0, 1.9, 2.2, 1.0], None, None),
    "padding": ({}, [99, 2, 3, 1], [9.0, 1.9, 2.2, 1.0], [0, 1, 1, 1], None),
    "mask": ({}, [99, 2, 3, 1], [np.nan, 1.9, 2.2, 1.0], None, [False, True, True, True]),
    "positions": ({"ignore_class": [0, -1]}, [[0, 2], [3, 1], [-1, -1]], [[9, 1.9], [2.2, 1.0], [7, 7]], None, None),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_left_out(case):
    options, y_true, y_pred, weight, mask = LEFT_OUT[case]
    y_pred = np.asarray(y_pred)[..., None]
    task = Ordinal([1, 2, 3], **options)
    found = Metrics(["mae", "confusion"], task=task).score(np.asarray(y_true), y_pred, weight, mask)
    assert_same(found["mae"], 1 / 3)
    assert found["confusion"].tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]


def test_an_ignored_grade_is_not_predicted():
    found = Metrics(["confusion"], task=Ordinal([3, 2, 1], ["c", "b", "a"], ignore_class=2)).score(
        [1, 2, 3], [2, 2, 2.1]
    )
    assert found["confusion"].tolist() == [[1, 0], [0, 1]]
    assert list(found.report(output_dict=True))[:3] == ["a", "c", "accuracy"]


def test_outputs_that_are_not_finite_are_undefined():
    with pytest.warns(UserWarning, match="1 of 3 outputs are NaN"):
        found = Metrics(["mae", "confusion"], task=Ordinal([1, 2, 3])).score([1, 2, 3], [1.0, np.nan, 3.0])
    assert np.isnan(found["mae"])
    assert np.isnan(found["confusion"]).all()


# Errors.

WRONG_ARGUMENTS = {
    "text": ({"labels": ["low", "high"]}, r"labels=\[0, 1\], class_names=\['low', 'high'\]"),
    "one": ({"labels": [1]}, "two or more finite numbers"),
    "nan": ({"labels": [1, float("nan")]}, "two or more finite numbers"),
    "a number": ({"labels": 5}, "two or more finite numbers"),
    "twice": ({"labels": [1, 2, 1]}, "must differ"),
    "names": ({"labels": [1, 2, 3], "class_names": ["a"]}, "3 classes; received 1 class_names"),
    "logits": ({"from_logits": "yes"}, "from_logits must be"),
    "soft": ({"soft_targets": 1}, "soft_targets must be"),
}


@pytest.mark.parametrize("case", WRONG_ARGUMENTS)
def test_wrong_arguments(case):
    options, message = WRONG_ARGUMENTS[case]
    with pytest.raises(ValueError, match=rf"Ordinal: .*{message}"):
        Ordinal(**options)


MISFITS = {
    "no labels": (Ordinal(), [1, 4, 2], [1.0, 4.0, 2.0]),
    "another grade": (Ordinal([1, 2, 5]), [1, 4, 2], [1.0, 4.0, 2.0]),
    "a missing target": (Ordinal([1, 2]), [1, np.nan, 2], [1.0, 4.0, 2.0]),
    "too few labels": (Ordinal([0, 1]), [0, 1, 2], np.eye(3)),
    "too many labels": (Ordinal(np.arange(4)), [0, 1, 2], np.eye(3)),
    "grades from 1": (Ordinal(), [1, 2, 3], np.eye(3)),
    "logits": (Ordinal([1, 2, 3]), [1, 2, 3], 5 * np.eye(3)),
    "one column of logits": (Ordinal([1, 2], from_logits=True), [1, 2, 2], [1.0, 4.0, 2.0]),
    "one column of soft targets": (Ordinal([1, 2], soft_targets=True), [1, 2, 2], [1.0, 4.0, 2.0]),
}


@pytest.mark.parametrize("case", MISFITS)
def test_the_remedy_of_an_error_works(case):
    task, y_true, y_pred = MISFITS[case]
    with pytest.raises(DataError) as caught:
        Metrics(["mae"], task=task).score(y_true, y_pred)
    remedy = str(caught.value).rpartition("task=")[2].rstrip(".")
    mended = eval(remedy, {"Ordinal": Ordinal, "float": float})
    assert np.isfinite(Metrics(["mae"], task=mended).score(y_true, y_pred)["mae"])


@pytest.mark.parametrize("scoring", ["auc", "roc_auc_ovr", "average_precision", "neg_log_loss", "top_k_accuracy"])
def test_scores_of_rankings_and_probabilities_are_refused(scoring):
    with pytest.raises(ValueError, match=rf"an ordinal task has no {scoring}: .*scoring=\['mae'\]"):
        Metrics(["mae", scoring], task=Ordinal([1, 2, 3]))
    with pytest.raises(
        ValueError, match=r"an ordinal task has no jaccard, rmse\. Leave it out, as in scoring=\['mae'\]"
    ):
        Metrics(["mae", "jaccard", "rmse"], task="ordinal")
    ranked = {"own": sk.make_scorer(sk.roc_auc_score, response_method="predict_proba"), "f1": "f1"}
    with pytest.raises(ValueError, match=r"an ordinal task has no own: .*scoring=\['f1'\]"):
        Metrics(ranked, task="ordinal")


def test_text_and_continuous_targets():
    with pytest.raises(DataError, match=r"must be numbers; received text.*task=Multiclass"):
        Metrics(task=Ordinal([1, 2])).score(["a", "b"], [1.0, 2.0])
    with pytest.raises(DataError, match=r"the grades are 1, 2, but the targets hold .* task='regression'"):
        Metrics(task=Ordinal([1, 2])).score(RNG.random(40), RNG.random(40))
