"""`predictions.to_frame()`, `hardest()` and `confident_mistakes()`: each row's loss is scikit-learn's of that row."""

import copy
import pickle
import sys
import warnings

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn import metrics as sk

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel, Ordinal, Predictions, Regression
from kerascb_metrics.exceptions import UndefinedScoreWarning
from kerascb_metrics.insight.row_losses import highest, losses
from kerascb_metrics.interpret.labeled_rows import Labeling
from tests.support.models import Batches, shared_echo_model

pd = pytest.importorskip("pandas")

N = 24
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, N)
Z = RNG.normal(size=N) * 2 + Y - 0.5
P = expit(Z)
GRADES = 6 * P
CLASSES = RNG.integers(0, 3, N)
LOGITS = RNG.normal(size=(N, 3)) * 2 + np.eye(3)[CLASSES]
SOFTMAX = softmax(LOGITS, axis=1)
WEIGHTS = RNG.uniform(0.5, 2, N)
LABELS = RNG.integers(0, 2, (N, 2))
SIGMOIDS = np.clip(0.3 * LABELS + 0.7 * RNG.random((N, 2)), 0, 1)


def log_losses(y, proba, classes):
    return [sk.log_loss([target], [row], labels=classes) for target, row in zip(y, proba, strict=True)]


def two(y, p, labels, names=(0, 1)):
    """What the frame of a binary task should be."""
    names = np.array(names)
    found = {"target": names[y], "label": names[labels.astype(int)], "probability": np.where(labels, p, 1 - p)}
    return found | {"loss": log_losses(y, p, [0, 1])}


def several(y, proba, names=(0, 1, 2)):
    """What the frame of a task of several classes should be."""
    names = np.array(names)
    label = proba.argmax(axis=1)
    found = {"target": names[y], "label": names[label], "probability": proba.max(axis=1)}
    return found | {"loss": log_losses(y, proba, range(proba.shape[1]))}


def squared(y, outputs):
    return {"target": y, "prediction": outputs, "loss": [sk.mean_squared_error([a], [b]) for a, b in zip(y, outputs)]}  # noqa: B905


# Name → (task, targets, outputs, the frame's columns).
CASES = {
    "binary (N,)": ("auto", Y, P, two(Y, P, P > 0.5)),
    "binary (N, 1)": ("auto", Y[:, None], P[:, None], two(Y, P, P > 0.5)),
    "binary, −1 and 1": (Binary(), 2 * Y - 1, P, two(Y, P, P > 0.5, (-1, 1))),
    "binary, two softmax columns": (Binary(), np.eye(2)[Y], np.stack([1 - P, P], axis=1), two(Y, P, P > 0.5)),
    "binary, logits": (Binary(from_logits=True), Y, Z, two(Y, P, P > 0.5)),
    "binary, two columns of logits": (
        Binary(from_logits=True),
        Y,
        np.stack([LOGITS[:, 0], LOGITS[:, 0] + Z], axis=1),
        two(Y, P, P > 0.5),
    ),
    "binary, pos_label=0": (Binary(pos_label=0), Y, P, two(Y, P, P > 0.5)),
    "binary, text": (Binary(pos_label="yes"), np.where(Y == 1, "yes", "no"), P, two(Y, P, P > 0.5, ("no", "yes"))),
    "binary, threshold": (Binary(threshold=0.8), Y, P, two(Y, P, P > 0.8)),
    "binary, soft targets": (Binary(soft_targets=True), 0.8 * Y + 0.1, P, two(Y, P, P > 0.5)),
    "multiclass, numbers": (Multiclass(), CLASSES, SOFTMAX, several(CLASSES, SOFTMAX)),
    "multiclass, one-hot": (Multiclass(), np.eye(3)[CLASSES], SOFTMAX, several(CLASSES, SOFTMAX)),
    "multiclass, logits": (Multiclass(from_logits=True), CLASSES, LOGITS, several(CLASSES, SOFTMAX)),
    "multiclass, labels": (
        Multiclass(labels=[7, 9, 4]),
        np.array([7, 9, 4])[CLASSES],
        SOFTMAX,
        several(CLASSES, SOFTMAX, (7, 9, 4)),
    ),
    "ordinal, columns": (
        Ordinal(labels=[1, 2, 5]),
        np.array([1, 2, 5])[CLASSES],
        SOFTMAX,
        several(CLASSES, SOFTMAX, (1, 2, 5)),
    ),
    "ordinal, one column": (
        Ordinal(labels=[1, 2, 5]),
        np.array([1, 2, 5])[CLASSES],
        GRADES,
        {
            "target": np.array([1, 2, 5])[CLASSES],
            "label": np.where(GRADES > 3.5, 5, np.where(GRADES > 1.5, 2, 1)),
            "output": GRADES,
            "loss": (np.array([1, 2, 5])[CLASSES] - GRADES) ** 2,
        },
    ),
    "own units": (
        Binary(threshold=0.5, from_logits=False),
        Y,
        Z,
        {"target": Y, "label": (Z > 0.5).astype(int), "output": Z, "loss": np.where(Y, 0.5 - Z, Z - 0.5)},
    ),
    "regression": (Regression(), Z, P, squared(Z, P)),
}


def frame_of(task, y, outputs, weights=None, mask=None, **options):
    return Metrics(task=task, verbose=False, **options).score(y, outputs, weights, mask).predictions.to_frame()


def assert_columns(frame, expected, rtol=1e-12):
    assert list(frame.columns) == list(expected)
    for name, values in expected.items():
        values = np.asarray(values)
        if values.dtype.kind == "f":
            np.testing.assert_allclose(frame[name], values, rtol=rtol, atol=1e-14, err_msg=name)
        else:
            assert frame[name].tolist() == values.tolist(), name


@pytest.mark.parametrize("case", CASES)
def test_each_task_has_its_columns(case):
    task, y, outputs, expected = CASES[case]
    frame = frame_of(task, y, outputs)
    assert (frame.index.name, frame.index.tolist()) == ("row", list(range(N)))
    assert_columns(frame, expected)


@pytest.mark.parametrize("case", CASES)
def test_the_hardest_rows_and_the_surest_mistakes_are_those_of_the_whole_frame(case):
    task, y, outputs, _ = CASES[case]
    rows = Metrics(task=task, verbose=False).score(y, outputs).predictions
    frame = rows.to_frame()
    pd.testing.assert_frame_equal(rows.hardest(7), frame.sort_values("loss", ascending=False, kind="stable")[:7])
    if "label" not in frame:
        with pytest.raises(ValueError, match="a regression has no labels, and so no mistakes"):
            rows.confident_mistakes()
        return
    wrong = frame[frame["label"] != frame["target"]]
    by = "probability" if "probability" in frame else "loss"
    expected = wrong.sort_values(by, ascending=False, kind="stable")
    assert len(expected) > 4
    pd.testing.assert_frame_equal(rows.confident_mistakes(4), expected[:4])
    pd.testing.assert_frame_equal(rows.confident_mistakes(10 * N), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_loss_is_the_log_loss_of_all_rows(dtype):
    p, proba = P.astype(dtype), SOFTMAX.astype(dtype)
    p[:4], proba[:3] = [0, 1, 0, 1], np.eye(3)  # clipped
    for y, outputs, task in [(Y, p, Binary()), (CLASSES, proba, Multiclass())]:
        frame = frame_of(task, y, outputs, WEIGHTS)
        expected = sk.log_loss(y, outputs, sample_weight=WEIGHTS, labels=np.unique(y))
        rtol = 1e-12 if dtype == "float64" else 1e-5  # scikit-learn reckons in the outputs' dtype
        assert np.average(frame["loss"], weights=frame["weight"]) == pytest.approx(expected, rel=rtol)
        assert frame["probability"].dtype == dtype
        np.testing.assert_array_equal(frame["weight"], WEIGHTS)


def test_losses_of_logits_are_not_rounded():
    frame = frame_of(Binary(from_logits=True), [1, 0, 1], np.array([-800.0, 60.0, 60.0]), scoring="accuracy")
    np.testing.assert_allclose(frame["loss"], [800, 60, np.exp(-60.0)], rtol=1e-12)
    frame = frame_of(Multiclass(from_logits=True), [0, 1], np.array([[-800.0, 0, -900]] * 2), scoring="accuracy")
    assert frame["loss"].tolist() == [800, 0]
    assert frame["probability"].tolist() == [1, 1]


def test_each_label_of_a_row_is_a_row_and_left_out_elements_are_absent():
    y = np.where(SIGMOIDS > 0.8, -1, LABELS)
    weights = np.random.default_rng(1).uniform(0.5, 2, y.shape)
    frame = frame_of(Multilabel(ignore_class=-1, class_names=["a", "b"], threshold=[0.5, 0.4]), y, SIGMOIDS, weights)
    row, column = np.nonzero(y >= 0)
    assert 0 < len(row) < y.size
    assert frame.index.tolist() == row.tolist()
    p = SIGMOIDS[row, column]
    expected = two(y[row, column], p, p > np.array([0.5, 0.4])[column]) | {"weight": weights[row, column]}
    assert_columns(frame, {"class": np.array(["a", "b"])[column], **expected})
    plain = frame_of(Multilabel(), LABELS, SIGMOIDS, WEIGHTS)
    whole = [sk.log_loss(LABELS[:, i], SIGMOIDS[:, i], sample_weight=WEIGHTS) for i in range(2)]
    assert np.average(plain["loss"], weights=plain["weight"]) == pytest.approx(np.mean(whole), rel=1e-12)


def test_each_column_of_a_regression_is_a_row():
    y, outputs = np.random.default_rng(1).normal(size=(2, 5, 2))
    y[1], y[3, 0] = np.nan, np.nan
    frame = frame_of(Regression(ignore_class=float("nan")), y, outputs)
    row, column = np.nonzero(~np.isnan(y))
    assert frame.index.tolist() == row.tolist()
    assert_columns(frame, {"column": column, **squared(y[row, column], outputs[row, column])})
    hardest = frame.sort_values("loss", ascending=False, kind="stable")[:2]
    rows = Metrics(task=Regression(ignore_class=float("nan"))).score(y, outputs).predictions
    pd.testing.assert_frame_equal(rows.hardest(2), hardest)


def test_a_loss_too_great_for_a_float_is_infinite():
    assert losses(Labeling("regression"), np.array([1e300, 0.0]), np.array([-1e300, 1.0])).tolist() == [np.inf, 1]


def test_positions_carry_their_sample_and_keep_their_numbers():
    y, p = Y.reshape(4, 6), P.reshape(4, 6)
    mask = np.random.default_rng(1).random((4, 6)) > 0.3
    frame = frame_of(Binary(ignore_class=7), np.where(p > 0.9, 7, y), p, mask=mask)
    sample, position = np.nonzero(mask & (p <= 0.9))
    assert frame.index.tolist() == (6 * sample + position).tolist()
    kept = y[sample, position], p[sample, position]
    assert_columns(frame, {"sample": sample, "position": position, **two(*kept, kept[1] > 0.5)})
    images = frame_of(Multiclass(), CLASSES.reshape(2, 3, 4), SOFTMAX.reshape(2, 3, 4, 3))
    assert images["position"].tolist() == [*range(12)] * 2


def test_an_ignored_class_is_neither_a_target_nor_a_label():
    frame = frame_of(Multiclass(ignore_class=1), CLASSES, SOFTMAX)
    kept = np.flatnonzero(CLASSES != 1)
    others = SOFTMAX[kept][:, [0, 2]] / SOFTMAX[kept][:, [0, 2]].sum(axis=1, keepdims=True)
    assert frame.index.tolist() == kept.tolist()
    assert_columns(frame, several((CLASSES[kept] == 2).astype(int), others, (0, 2)))


def test_batches_of_several_lengths():
    data = [(P[:8].reshape(4, 2, 1), Y[:8].reshape(4, 2, 1)), (P[8:20].reshape(3, 4, 1), Y[8:20].reshape(3, 4, 1))]
    rows = Metrics("f1", task=Binary(), verbose=False).evaluate(lambda x: x, Batches(data)).predictions
    frame = rows.to_frame(groups=list("abcdefg"))
    assert frame["sample"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, *[4] * 4, *[5] * 4, *[6] * 4]
    assert frame["position"].tolist() == [0, 1] * 4 + [0, 1, 2, 3] * 3
    assert frame["group"].tolist() == [*"aabbccdd", *"eeee", *"ffff", *"gggg"]
    expected = two(Y[:20], P[:20], P[:20] > 0.5)
    np.testing.assert_allclose(frame["loss"], expected["loss"], rtol=1e-5)  # a model may reckon in float32
    np.testing.assert_array_equal(rows.hardest(3).index, np.argsort(expected["loss"])[::-1][:3])


@pytest.mark.parametrize("from_logits", [False, "probabilities"])
def test_a_chosen_threshold_labels_the_rows_as_they_were_scored(from_logits):
    outputs = np.tile(P if from_logits else Z, 3)
    task = Binary(threshold="f1") if from_logits else Binary(threshold="f1", from_logits=False)
    rows = Metrics("f1", task=task).score(np.tile(Y, 3), outputs).predictions
    frame = rows.to_frame()
    np.testing.assert_array_equal(frame["label"], rows.labels)
    wrong = frame["label"] != frame["target"]
    if not from_logits:
        np.testing.assert_array_equal(frame["loss"] > 0, wrong)
    assert rows.confident_mistakes(1000).index.sort_values().tolist() == np.flatnonzero(wrong).tolist()


def test_an_output_at_the_threshold_is_not_above_it_in_float32_too():
    outputs = np.array([0.1, 0.1, 2.0], "float32")
    frame = frame_of(Binary(threshold=0.1, from_logits=False), [0, 1, 1], outputs)
    assert (frame["label"].tolist(), frame["loss"].tolist()[:2]) == ([0, 0, 1], [0, 0])


def test_margins_of_several_classes():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Activation("linear")])
    model.compile(loss="categorical_hinge")
    rows = Metrics("f1", task=Multiclass(), verbose=False).evaluate(model, LOGITS, np.eye(3)[CLASSES]).predictions
    frame, outputs = rows.to_frame(), LOGITS.astype("float32")
    np.testing.assert_array_equal(frame["output"], outputs.max(axis=1))
    others = np.where(np.eye(3)[CLASSES] == 1, -np.inf, outputs).max(axis=1)
    np.testing.assert_allclose(frame["loss"], others - outputs[range(N), CLASSES], rtol=1e-6)
    assert rows.confident_mistakes(1).index[0] == frame["loss"].argmax()


def test_rows_without_weight_are_neither_hard_nor_mistaken():
    weights = np.where(np.arange(N) % 2, WEIGHTS, 0)
    rows = Metrics(task=Binary()).score(Y, P, weights).predictions
    assert len(rows.to_frame()) == N
    assert sorted(rows.hardest(N).index) == list(range(1, N, 2))
    assert set(rows.confident_mistakes().index) == set(np.flatnonzero(((P > 0.5) != Y) & (weights > 0)))
    labels = Metrics(task=Multilabel()).score(LABELS, SIGMOIDS, weights).predictions
    assert sorted(set(labels.hardest(N).index)) == list(range(1, N, 2))
    unweighted = Metrics(task=Binary(), use_sample_weight=False).score(Y, P, weights).predictions
    assert "weight" not in unweighted.to_frame()
    assert len(unweighted.hardest(100)) == N


def test_groups_become_columns():
    rows = Metrics(task=Binary()).score(Y, P).predictions
    rng = np.random.default_rng(1)
    site, age = rng.choice(["Bern", None], N), rng.normal(size=N)
    assert rows.to_frame(site)["group"].notna().tolist() == [one is not None for one in site]
    assert rows.hardest(3, list(age))["group"].tolist() == age[rows.hardest(3).index].tolist()
    shuffled = pd.Series(age, index=range(N, 0, -1), name="age")
    assert rows.to_frame(shuffled)["age"].tolist() == age.tolist()
    assert rows.to_frame(pd.Series(age))["group"].tolist() == age.tolist()
    for groups in ({"site": site, 3: age}, pd.DataFrame({"site": site, 3: age})):
        frame = rows.confident_mistakes(2, groups)
        assert list(frame.columns) == ["target", "label", "probability", "loss", "site", 3]
        assert frame[3].tolist() == age[frame.index].tolist()
    with pytest.raises(ValueError, match=r"^groups must have one value per sample, so the shape \(24,\); received \(3"):
        rows.to_frame(["a", "b", "c"])
    with pytest.raises(ValueError, match=r"^groups\['site'\] must have one value per sample"):
        rows.hardest(3, {"site": site[:4]})
    with pytest.raises(ValueError, match="groups has a column 'loss', as the rows have"):
        rows.to_frame({"loss": age})


@pytest.mark.parametrize("n", [0, -1, 2.0, True, "5", None])
def test_n_is_a_number_of_rows(n):
    rows = Metrics(task=Binary()).score(Y, P).predictions
    for method in (rows.hardest, rows.confident_mistakes):
        with pytest.raises(ValueError, match="n must be a whole number of rows, 1 or more; received"):
            method(n)
    assert len(rows.hardest(np.int64(2))) == 2


def test_rows_that_were_not_scored_or_cannot_be_have_no_losses():
    rows = Predictions(Y, P)
    for read in (rows.to_frame, rows.hardest):
        with pytest.raises(AttributeError, match="no losses: these rows were not scored"):
            read()
    with pytest.raises(AttributeError, match="no mistakes: these rows were not scored"):
        rows.confident_mistakes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedScoreWarning)
        broken = Metrics("f1", task="binary").score(Y, np.where(P > 0.6, np.nan, P)).predictions
    with pytest.raises(ValueError, match=r"no losses: .* NaN or infinite"):
        broken.hardest()


def test_without_pandas_the_error_names_the_extra(monkeypatch):
    rows = Metrics(task=Binary()).score(Y, P).predictions
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'pip install "kerascb_metrics\[pandas\]", or pip install pandas'):
        rows.hardest()


def test_a_fit_has_them_too_and_so_have_copies():
    metrics = Metrics(verbose=False)
    data = P.astype("float32")[:, None], Y, WEIGHTS
    shared_echo_model().fit(data[0], Y, validation_data=data, validation_batch_size=5, verbose=0, callbacks=[metrics])
    frame = metrics.predictions.to_frame()
    assert_columns(frame, two(Y, P, P > 0.5) | {"weight": WEIGHTS}, rtol=1e-5)
    for other in (copy.deepcopy(metrics), pickle.loads(pickle.dumps(metrics))):
        pd.testing.assert_frame_equal(other.predictions.to_frame(), frame)
    unweighted = metrics.predictions.unweighted()
    assert "weight" not in unweighted.hardest(1)


def test_each_of_several_outputs_has_its_rows():
    found = Metrics("f1", task={"a": "binary", "b": "multiclass"}, verbose=False).score(
        {"a": Y, "b": CLASSES}, {"a": P, "b": SOFTMAX}
    )
    assert_columns(found.predictions["a"].to_frame(), two(Y, P, P > 0.5))
    assert_columns(found.predictions["b"].to_frame(), several(CLASSES, SOFTMAX))


@pytest.mark.parametrize("count", [1, 3, 63, 64, 500, 2000])
@pytest.mark.parametrize("distinct", [1, 5, 10**9])
def test_the_highest_values_are_those_of_a_stable_sort(count, distinct):
    for size in (1, 64, 1000):
        values = np.random.default_rng(count).integers(0, distinct, size)
        np.testing.assert_array_equal(highest(values, count), np.argsort(-values, kind="stable")[:count])
