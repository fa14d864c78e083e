"""The panel's AUC where a class cannot be ranked: the average over the others, and one warning that names it."""

import warnings

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics, Multiclass, Multilabel
from kerascb_metrics.exceptions import UndefinedScoreWarning
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally.streaming import Accumulator
from tests.support.arrays import assert_same, assessed, read
from tests.support.models import Batches, echo_model

ROWS = 24
RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(5), ROWS).astype("float32")
WEIGHT = RNG.random(ROWS) * 3
FIVE = np.arange(ROWS) % 5
LABELS = RNG.integers(0, 2, (ROWS, 5))
LABELS[:2] = [[0] * 5, [1] * 5]
EMPTY, FULL = LABELS.copy(), LABELS.copy()
EMPTY[:, 1], FULL[:, 1] = 0, 1
BOTH = EMPTY.copy()
BOTH[:, 3] = 1
NONE = np.tile([0, 1, 0, 1, 0], (ROWS, 1))


def weightless(y, lost):
    """Weights that are zero where the target is `lost`."""
    return np.where(y == lost, 0.0, WEIGHT)


# Name: (task, targets, weights, the warning without the name of the score).
CASES = {
    "every class": (Multiclass(), FIVE, None, ""),
    "one class without rows": (Multiclass(), np.where(FIVE == 2, 0, FIVE), WEIGHT, "4 of 5 classes: no row has '2'"),
    "three classes without rows": (Multiclass(), FIVE % 2, None, "2 of 5 classes: no row has '2', '3', '4'"),
    "a class of rows without weight": (Multiclass(), FIVE, weightless(FIVE, 4), "4 of 5 classes: no row has '4'"),
    "named": (
        Multiclass(class_names=["a", "b", "c", "d", "e"]),
        FIVE % 4,
        None,
        "4 of 5 classes: no row has 'e'",
    ),
    "other labels": (
        Multiclass(labels=[9, 7, 5, 3, 1]),
        9 - 2 * (FIVE % 3),
        None,
        "3 of 5 classes: no row has '3', '1'",
    ),
    "one class only": (Multiclass(), np.full(ROWS, 3), None, None),
    "every label": (Multilabel(), LABELS, WEIGHT, ""),
    "a label of no row": (Multilabel(), EMPTY, None, "4 of 5 labels: no row has '1'"),
    "a label of every row": (Multilabel(), FULL, WEIGHT, "4 of 5 labels: every row has '1'"),
    "a label of each kind": (Multilabel(), BOTH, None, "3 of 5 labels: no row has '1' and every row has '3'"),
    "no label to rank": (Multilabel(), NONE, None, None),
}
PARAMETERS = [pytest.param(*case, id=name) for name, case in CASES.items()]


def reference(task, y, weight):
    """The area of each class by itself, nan where it has none, and the weights of the classes."""
    labels = getattr(task, "labels", None)
    hot = y if y.ndim == 2 else (y[:, None] == (np.arange(5) if labels is None else np.array(labels))).astype(int)
    weight = np.ones(ROWS) if weight is None else weight
    mass, rest = weight @ hot, weight @ (1 - hot)
    areas = [
        sk.roc_auc_score(hot[:, k], P[:, k], sample_weight=weight) if mass[k] > 0 and rest[k] > 0 else np.nan
        for k in range(5)
    ]
    return np.array(areas), mass


@pytest.mark.parametrize("average", ["macro", "weighted", None])
@pytest.mark.parametrize(("task", "y", "weight", "left_out"), PARAMETERS)
def test_the_average_is_that_of_the_classes_that_can_be_ranked(task, y, weight, left_out, average):
    areas, mass = reference(task, y, weight)
    found = assessed(task, y, P, ["auc"], average=average, sample_weight=weight)
    ranked = ~np.isnan(areas)
    if average is None:
        assert_same(found.values["auc"], areas)
        assert ("auc" in found.undefined) == (not ranked.all())
        assert not found.left_out
        return
    if left_out is None:
        assert np.isnan(found.values["auc"])
        assert "auc" in found.undefined
        assert not found.left_out
        return
    weights = mass[ranked] if average == "weighted" else None
    assert_same(found.values["auc"], np.average(areas[ranked], weights=weights))
    assert not found.undefined
    assert found.left_out == ({"auc": f"averages over {left_out}"} if left_out else {})


@pytest.mark.parametrize("weight", [None, WEIGHT, WEIGHT * 2.0**-1000], ids=["", "weights", "small weights"])
@pytest.mark.parametrize("average", ["micro", "samples"])
def test_other_averages_take_all_labels_at_once(average, weight):
    y = BOTH  # each row has a label and lacks one
    found = assessed(Multilabel(), y, P, ["auc"], average=average, sample_weight=weight)
    weight = None if weight is None else WEIGHT
    assert_same(found.values["auc"], sk.roc_auc_score(y, P, average=average, sample_weight=weight))
    assert not found.left_out


@pytest.mark.parametrize(("bit", "cause"), [(0, "no row has"), (1, "every row has")])
def test_all_labels_at_once_may_be_of_no_row_or_of_all(bit, cause):
    found = assessed(Multilabel(), np.full((ROWS, 5), bit), P, ["auc"], average="micro")
    assert np.isnan(found.values["auc"])
    assert cause in found.undefined["auc"]


def test_two_columns_of_margins_have_no_probabilities_and_average_precision_asks_for_the_rows():
    exact = read(Multiclass(), FIVE % 2, P[:, :2] * 4 - 2, "categorical_hinge")
    counts = Accumulator(ranked=True, precision=True)
    counts.add(exact.labeled, "float64")
    errors = Scoring(["average_precision", "roc_auc_ovr"]).score(counts.tally()).errors
    assert "memory='exact'" in str(errors["average_precision"])
    assert "needs probabilities" in str(errors["roc_auc_ovr"])
    found = Scoring("average_precision").score(exact).values["average_precision"]
    difference = P[:, 1].astype("float64") * 4 - P[:, 0].astype("float64") * 4
    assert_same(found, sk.average_precision_score(FIVE % 2, difference), 1e-6)


@pytest.mark.parametrize("name", ["roc_auc_ovr", "roc_auc_ovr_weighted"])
@pytest.mark.parametrize(("task", "y", "weight", "left_out"), PARAMETERS)
def test_the_names_of_scikit_learn_are_as_strict_as_scikit_learn(task, y, weight, left_out, name):
    if y.ndim == 2 or weight is not None:
        name = "roc_auc"
    if y.ndim == 1 and name == "roc_auc":
        name = "roc_auc_ovr"
    options = {"average": "weighted" if name.endswith("weighted") else "macro", "sample_weight": weight}
    order = slice(None)
    if y.ndim == 1:
        labels = np.arange(5) if task.labels is None else np.array(task.labels)
        order = np.argsort(labels)
        options |= {"multi_class": "ovr", "labels": labels[order]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sk.roc_auc_score(y, P[:, order], **options)
    found = assessed(task, y, P, [name], sample_weight=weight)
    assert_same(found.values[name], expected)
    assert not found.left_out


def test_an_ignored_class_is_never_among_those_left_out():
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=2)
    found = assessed(Multiclass(), FIVE % 4, P, ["auc"], loss=loss)
    assert found.left_out == {"auc": "averages over 3 of 4 classes: no row has '4'"}


@pytest.mark.parametrize("count", [14, 15, 16, 40])
def test_many_classes_are_counted_and_some_of_them_named(count):
    p = np.random.default_rng(1).dirichlet(np.ones(count), ROWS)
    which = assessed(Multiclass(), FIVE, p, ["auc"]).left_out["auc"]
    names = ", ".join(f"'{name}'" for name in range(5, min(count, 15)))
    more = ", …" if count > 15 else ""
    assert which == f"averages over 5 of {count} classes: no row has {names}{more}"


@pytest.mark.parametrize("weight", [None, np.where(FIVE == 1, 0.0, WEIGHT)], ids=["", "weights"])
@pytest.mark.parametrize("name", ["roc_auc", "roc_auc_ovr", "roc_auc_ovr_weighted", "roc_auc_ovo_weighted"])
@pytest.mark.parametrize("labels", [1, 2, 5])
def test_labels_of_no_row_as_scikit_learn_has_them(labels, name, weight):
    y, p = np.zeros((ROWS, labels), int), P[:, :labels]
    average = "weighted" if name.endswith("weighted") else "macro"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sk.roc_auc_score(y, p, average=average, sample_weight=weight)
    found = assessed(Multilabel(), y, p, [name], sample_weight=weight)
    assert_same(found.values[name], expected)
    assert found.undefined[name] == f"no true label of class {', '.join(map(str, range(labels)))}"


# In a fit.


def fitted(metrics, x, y, **options):
    model = echo_model(x.shape[1], "sparse_categorical_crossentropy")
    model.fit(x, y, validation_data=Batches([(x[:10], y[:10]), (x[10:], y[10:])]), callbacks=[metrics], **options)


@pytest.mark.parametrize("memory", ["exact", "bounded"])
def test_one_warning_per_fit_and_the_number_in_the_summary(memory, capsys):
    metrics = Metrics("auc", memory=memory)
    with pytest.warns(
        UndefinedScoreWarning, match="auc averages over 2 of 5 classes: no row has '2', '3', '4'"
    ) as warned:
        fitted(metrics, P, FIVE % 2, epochs=3, verbose=2)
    (warning,) = [one for one in warned if issubclass(one.category, UndefinedScoreWarning)]
    assert warning.filename == __file__  # the line of the fit
    assert capsys.readouterr().out.count("Metrics: auc averages over 2 of 5 classes.") == 1
    assert metrics.history.settings["task"].endswith("auc averages over 2 of 5 classes.")
    expected = np.mean([sk.roc_auc_score(k == FIVE % 2, P[:, k]) for k in (0, 1)])
    low, high = metrics.history.bounds["auc"][-1] if memory == "bounded" else (expected, expected)
    assert low - 1e-12 <= expected <= high + 1e-12
    assert metrics.auc == [pytest.approx(expected, abs=1e-12 + high - low)] * 3
