"""Scores of whole predictions, and the samples that they iterate: what the data holds, sample by sample."""

import copy
import pickle
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers

from kerascb_metrics import Binary, Metrics, Predictions, make_prediction_scorer
from kerascb_metrics.exceptions import ScoringError
from tests.support.arrays import rows_of
from tests.support.models import Batches, binary_rows, echo_model, in_batches, shared_echo_model

RNG = np.random.default_rng(0)
SPARSE, BCE, MSE = "sparse_categorical_crossentropy", "binary_crossentropy", "mean_squared_error"
X, Y = binary_rows(20)
DATA = in_batches(X, Y, 8)


def echo(shape, loss, masked=False):
    """A model of any input shape that returns its input."""
    inputs = keras.Input(shape)
    outputs = layers.Masking(0.0)(inputs) if masked else inputs
    if shape == (None,):  # a Dense layer needs an axis of known length
        outputs = outputs[..., None]
    columns = shape[-1] or 1
    outputs = layers.Dense(columns, use_bias=False, kernel_initializer="identity")(outputs)
    outputs = keras.ops.squeeze(outputs, -1) if shape == (None,) else outputs
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), loss, run_eagerly=True)
    return model


def tags(*sizes, weights=None, padded=False):
    """Batches of (B, T, 3) probabilities and (B, T) tags; `weights` per "sample" or per "position"."""
    batches = []
    for rows, length in sizes:
        x = RNG.dirichlet(np.ones(3), (rows, length)).astype("float32")
        if padded:
            x[np.arange(length) >= RNG.integers(1, length + 1, (rows, 1))] = 0
        y = RNG.integers(0, 3, (rows, length))
        shape = {"sample": (rows,), "column": (rows, 1), "position": (rows, length)}.get(weights)
        batches.append((x, y) if shape is None else (x, y, RNG.random(shape).astype("float32") + 0.5))
    return batches


def images(rows, targets):
    """Batches of 4 × 4 images of probabilities, and targets of a shape."""
    return [(RNG.random((n, 4, 4, 1)).astype("float32"), RNG.integers(0, 2, (n, *targets))) for n in rows]


def lines(*sizes, last=()):
    """Batches of (B, T) real outputs and targets, with a last axis or without."""
    return [
        (RNG.random((n, t, *last)).astype("float32"), RNG.random((n, t, *last)).astype("float32")) for n, t in sizes
    ]


# Name: (model, batches, options of `Metrics`).
EQUAL, DIFFERENT = [(4, 5), (3, 5)], [(4, 5), (3, 2), (1, 1), (2, 7)]
CASES = {
    "one number": (lambda: echo((1,), BCE), [(X[:12], Y[:12]), (X[12:], Y[12:])], {}),
    "classes": (lambda: echo((3,), SPARSE), [(x[:, 0], y[:, 0]) for x, y in tags((6, 1), (5, 1))], {}),
    "images": (lambda: echo((4, 4, 1), BCE), images((3, 2), (4, 4, 1)), {}),
    "images of free size": (
        lambda: echo((None, None, 1), BCE),
        [*images((2,), (4, 4, 1)), (np.full((3, 2, 6, 1), 0.25, "float32"), np.ones((3, 2, 6, 1), int))],
        {},
    ),
    "tags of one length": (lambda: echo((None, 3), SPARSE), tags(*EQUAL), {}),
    "tags": (lambda: echo((None, 3), SPARSE), tags(*DIFFERENT), {}),
    "tags, weights per sample": (lambda: echo((None, 3), SPARSE), tags(*EQUAL, weights="sample"), {}),
    "tags of several lengths, weights per sample": (
        lambda: echo((None, 3), SPARSE),
        tags(*DIFFERENT, weights="sample"),
        {},
    ),
    "tags of several lengths, weights (N, 1)": (
        lambda: echo((None, 3), SPARSE),
        tags(*DIFFERENT, weights="column"),
        {},
    ),
    "tags, weights per position": (lambda: echo((None, 3), SPARSE), tags(*EQUAL, weights="position"), {}),
    "tags of several lengths, weights per position": (
        lambda: echo((None, 3), SPARSE),
        tags(*DIFFERENT, weights="position"),
        {},
    ),
    "tags, masked": (lambda: echo((None, 3), SPARSE, masked=True), tags(*EQUAL, padded=True), {}),
    "tags of several lengths, masked": (
        lambda: echo((None, 3), SPARSE, masked=True),
        tags(*DIFFERENT, padded=True),
        {},
    ),
    "tags, masked and weighted": (
        lambda: echo((None, 3), SPARSE, masked=True),
        tags(*DIFFERENT, padded=True, weights="position"),
        {},
    ),
    "weights that do not count": (
        lambda: echo((None, 3), SPARSE),
        tags(*DIFFERENT, weights="sample"),
        {"use_sample_weight": False},
    ),
    "regression": (lambda: echo((2,), MSE), [(x[:, 0], y[:, 0]) for x, y in lines((4, 1), (3, 1), last=(2,))], {}),
    "regression of several lengths": (lambda: echo((None, 1), MSE), lines(*DIFFERENT, last=(1,)), {}),
    "positions in the last axis": (lambda: echo((None,), MSE), lines(*DIFFERENT), {}),
}


def collector(seen):
    def total(predictions):
        assert isinstance(predictions, Predictions)
        seen.extend(predictions.samples())
        return len(seen)

    return total


def by_hand(batches, masked, weighted):
    """Each sample of the data: a loop over the batches and their rows."""
    each = all(rest[0].size == len(x) for x, _, *rest in batches if rest)  # one weight per sample
    for x, y, *rest in batches:
        for row in range(len(x)):
            weight = rest[0][row] if rest and weighted else None
            weight = np.squeeze(weight) if each and weight is not None else weight
            yield y[row], x[row], weight, (x[row] != 0).any(axis=-1) if masked else None


def assert_samples(found, expected):
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        for name, own, reference in zip(ours._fields, ours, theirs, strict=True):
            assert (own is None) == (reference is None), name
            if reference is not None:
                assert np.shape(own) == np.shape(reference), name
                np.testing.assert_array_equal(own, reference, err_msg=name)


@pytest.mark.parametrize("given", [False, True], ids=["fit's own pass", "given data"])
@pytest.mark.parametrize("name", CASES)
def test_the_samples_are_those_of_the_data(name, given):
    make, batches, options = CASES[name]
    if not given and batches[0][0].ndim == 3 and np.ndim(batches[0][-1]) == 1:
        batches = [(x, y, weight[:, None]) for x, y, weight in batches]  # Keras's losses need that axis
    model, seen, data = make(), [], Batches(batches)
    scoring = {"total": make_prediction_scorer(collector(seen))}
    metrics = Metrics(scoring, verbose=False, **options, **({"validation_data": data} if given else {}))
    own = {} if given else {"validation_data": data}
    x, y, *_ = batches[0]
    model.fit(np.ones_like(x), np.ones_like(y), epochs=1, verbose=0, callbacks=[metrics], **own)
    expected = list(by_hand(batches, "masked" in name, options.get("use_sample_weight", True)))
    assert_samples(seen, expected)
    assert metrics.history["total"] == [len(expected)]
    if options:  # the rows that the user reads have the weights in any case
        expected = list(by_hand(batches, False, True))
    assert_samples(list(metrics.predictions.samples()), expected)
    for copied in (copy.deepcopy(metrics.predictions), pickle.loads(pickle.dumps(metrics.predictions))):
        assert_samples(list(copied.samples()), expected)


def test_rows_without_a_model():
    rows = rows_of([[0, 1], [1, 1]], [[0.2, 0.9], [0.8, 0.4]], sample_weight=[[2.0], [3.0]])
    samples = list(rows.samples())
    assert [float(sample.sample_weight) for sample in samples] == [2.0, 3.0]
    assert [sample.sample_weight for sample in rows.unweighted().samples()] == [None, None]
    assert list(rows_of(np.zeros(0), np.zeros((0, 1))).samples()) == []


def test_several_outputs_each_get_their_own_predictions():
    inputs = keras.Input((None, 3))
    same = layers.Dense(3, use_bias=False, kernel_initializer="identity", name="same")(inputs)
    outputs = {"tags": layers.Identity(name="tags")(same), "sums": keras.ops.sum(same, axis=(1, 2))[:, None]}
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), {"tags": SPARSE, "sums": "mse"}, run_eagerly=True)
    batches = [(x, {"tags": y, "sums": y.sum(axis=1)[:, None].astype("float32")}) for x, y in tags(*DIFFERENT)]
    seen, sums = [], []
    scoring = {
        "tags": ["f1", make_prediction_scorer(collector(seen))],
        "sums": {"total": make_prediction_scorer(collector(sums), greater_is_better=False)},
    }
    metrics = Metrics(scoring, verbose=False)
    history = model.fit(*batches[0], validation_data=Batches(batches), verbose=0, callbacks=[metrics]).history
    assert_samples(seen, list(by_hand([(x, y["tags"]) for x, y in batches], False, True)))
    assert [sample.y_true[0] for sample in sums] == [row for _, y in batches for row in y["sums"][:, 0]]
    assert history["val_tags_total"] == history["val_sums_total"] == [10.0]
    assert "val_tags_f1" in history
    assert metrics.monitor("sums_total") == {"monitor": "val_sums_total", "mode": "min"}


# As a score.


def exact_match(predictions):
    return np.mean([(sample.y_pred > 0.5) == sample.y_true for sample in predictions.samples()])


def mean_error(predictions):
    return float(np.abs(predictions.y_pred[:, 0] - predictions.y_true).mean())


def fit(metrics, epochs=1):
    model = shared_echo_model()
    return model.fit(DATA, validation_data=DATA, shuffle=False, epochs=epochs, verbose=0, callbacks=[metrics]).history


EXACT = make_prediction_scorer(exact_match)


@pytest.mark.parametrize(
    ("scoring", "name"),
    [
        (EXACT, "exact_match"),
        ([EXACT], "exact_match"),
        (["f1", EXACT], "exact_match"),
        ({"mine": EXACT, "f1": "f1"}, "mine"),
        (make_prediction_scorer(partial(exact_match)), "exact_match"),
    ],
    ids=["alone", "list", "with others", "dict", "partial"],
)
def test_it_is_recorded_under_its_name(scoring, name):
    metrics = Metrics(scoring, verbose=False)
    assert metrics.monitor(name) == {"monitor": f"val_{name}", "mode": "max"}
    history = fit(metrics, epochs=2)
    assert history[f"val_{name}"] == metrics.history[name] == [np.mean((X[:, 0] > 0.5) == Y)] * 2


def test_the_value_keeps_its_sign_and_the_direction_is_the_stated_one():
    metrics = Metrics([make_prediction_scorer(mean_error, greater_is_better=False), "f1"], verbose=False)
    history = fit(metrics)
    assert history["val_mean_error"] == [pytest.approx(np.abs(X[:, 0] - Y).mean(), rel=1e-6)]
    assert metrics.monitor("mean_error") == {"monitor": "val_mean_error", "mode": "min"}
    assert metrics.history.mode("mean_error") == "min"


def test_an_array_is_one_value_per_class():
    def both(predictions):
        return np.array([len(predictions), predictions.y_true.sum()])

    metrics = Metrics(make_prediction_scorer(both), verbose=False)
    history = fit(metrics)
    assert [history["val_both_0"], history["val_both_1"]] == [[20.0], [Y.sum()]]


def test_a_name_is_needed():
    with pytest.raises(ValueError, match=r"has no name to record it under. Pass a dict"):
        Metrics(make_prediction_scorer(lambda predictions: 0.5))
    metrics = Metrics({"half": make_prediction_scorer(lambda predictions: 0.5)}, verbose=False)
    assert dict(metrics.evaluate(shared_echo_model(), DATA)) == {"half": 0.5}


@pytest.mark.parametrize("error_score", ["raise_first", "raise", 0.25])
def test_an_error_in_it_is_one_of_the_score(error_score):
    def broken(predictions):
        raise KeyError("lost")

    metrics = Metrics(["f1", make_prediction_scorer(broken)], error_score=error_score, verbose=False)
    if error_score == 0.25:
        with pytest.warns(UserWarning, match="the score 'broken' failed in epoch 0"):
            history = fit(metrics)
        assert history["val_broken"] == [0.25]
        assert np.isfinite(history["val_f1"]).all()
        return
    with pytest.raises(ScoringError, match=r"the score 'broken' failed in epoch 0.*KeyError: 'lost'"):
        fit(metrics)


@pytest.mark.parametrize("name", ["y_true", "y_pred", "sample_weight", "mask"])
def test_it_cannot_change_what_other_scores_see(name):
    def writing(predictions):
        getattr(predictions, name)[:] = 0
        return 0.0

    model = echo((None, 3), SPARSE, masked=True)
    data = Batches(tags(*DIFFERENT, padded=True, weights="position"))
    with pytest.raises(ScoringError, match="read-only"):
        Metrics([make_prediction_scorer(writing), "f1"], verbose=False).evaluate(model, data)


def test_nothing_to_score_is_nan():
    metrics = Metrics(EXACT, verbose=False)
    data = Batches([(X, Y, np.zeros(20, "float32"))])
    with pytest.warns(UserWarning, match="exact_match: all sample weights are zero"):
        value = metrics.evaluate(echo_model(), data)["exact_match"]
    assert np.isnan(value)


def test_counts_do_not_suffice():
    with pytest.raises(ValueError, match="memory='bounded' keeps counts and no rows, and exact_match cannot"):
        Metrics(EXACT, memory="bounded")
    with pytest.raises(ValueError, match=r"memory='bounded'.*exact_match"):
        Metrics({"a": ["f1", EXACT]}, task={"a": Binary()}, memory="bounded")


def test_arrays_at_hand():
    predictions = rows_of(Y, X)
    assert EXACT(predictions) == exact_match(predictions)


def test_copies_pickles_and_repr():
    scorer = make_prediction_scorer(mean_error, greater_is_better=False)
    assert repr(scorer) == "make_prediction_scorer(mean_error, greater_is_better=False)"
    assert pickle.loads(pickle.dumps(scorer)) == copy.deepcopy(scorer) == scorer
    metrics = copy.deepcopy(Metrics(scorer, verbose=False))
    assert fit(metrics).keys() >= {"val_mean_error"}


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("f1", {}, r"function must be a function of Predictions; received 'f1'"),
        (None, {}, r"received None"),
        (EXACT, {}, r"is a scorer already; received make_prediction_scorer\(exact_match\)"),
        (exact_match, {"greater_is_better": "yes"}, r"greater_is_better must be True or False; received 'yes'"),
        (lambda y_true, y_pred: 0.0, {}, r"one argument, the Predictions; received <lambda>\(y_true, y_pred\)"),
        (lambda: 0.0, {}, r"received <lambda>\(\)"),
    ],
)
def test_wrong_arguments(function, options, message):
    with pytest.raises(ValueError, match=message):
        make_prediction_scorer(function, **options)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (exact_match, r"exact_match\(predictions\) takes one argument.*pass make_prediction_scorer\(exact_match\)"),
        (lambda: 0.0, r"<lambda>\(\) cannot be called with \(y_true, y_pred\)"),
        (lambda y_true, y_pred, beta: 0.0, r"cannot be called with \(y_true, y_pred\).*functools.partial"),
    ],
)
def test_a_function_that_no_metric_function_can_be_is_refused_at_once(function, message):
    with pytest.raises(ValueError, match=message):
        Metrics({"own": function})


def test_weights_per_element_of_samples_of_several_lengths():
    rng = np.random.default_rng(4)
    parts = [(rng.random((2, length, 3)), rng.random((2, length, 3))) for length in (2, 4)]
    batches = [{"y_true": y, "y_pred": y, "sample_weight": weight, "mask": None} for y, weight in parts]
    found = list(Predictions.join(batches, has_columns=True).samples())
    expected = [weight for _, weights in parts for weight in weights]
    assert [sample.sample_weight.tolist() for sample in found] == [weight.tolist() for weight in expected]
