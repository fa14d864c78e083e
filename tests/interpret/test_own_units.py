"""Outputs in units of their own, such as margins and similarities: the threshold is in these units, also in plots."""

import keras
import matplotlib as mpl
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, DataError, Metrics, Multilabel
from kerascb_metrics.collect import row_store
from tests.support.arrays import assert_same, assessed, read
from tests.support.models import echo_model

mpl.use("agg")
N = 80
RNG = np.random.default_rng(8)
Y = RNG.integers(0, 2, N)
COSINE = np.clip(RNG.normal(scale=0.4, size=N) + 0.6 * (Y - 0.5), -1, 1).astype("float32")
DISTANCE = (3 + RNG.normal(size=N) - Y).astype("float32")
INSIDE = RNG.random(N).astype("float32")


@pytest.mark.parametrize("threshold", [0.0, 0.3, -0.2, 2.5])
@pytest.mark.parametrize("outputs", [COSINE, DISTANCE, INSIDE, COSINE * 100], ids=["cosine", "distance", "inside", "%"])
def test_a_row_is_positive_above_the_threshold(outputs, threshold):
    ours = assessed(Binary(threshold=threshold, from_logits=False), Y, outputs, ["f1", "auc", "average_precision"])
    y_pred = outputs > np.float32(threshold)
    assert_same(ours.values["f1"], sk.f1_score(Y, y_pred, zero_division=0.0))
    assert_same(ours.values["auc"], sk.roc_auc_score(Y, outputs))
    assert_same(ours.values["average_precision"], sk.average_precision_score(Y, outputs))


@pytest.mark.parametrize("threshold", [0.0, [0.0, 0.5, -0.5]])
def test_a_label_is_given_above_its_threshold(threshold):
    y, scores = RNG.integers(0, 2, (N, 3)), RNG.normal(size=(N, 3)).astype("float32")
    ours = assessed(Multilabel(threshold=threshold, from_logits=False), y, scores, ["f1", "auc"])
    assert_same(ours.values["f1"], sk.f1_score(y, scores > np.float32(threshold), average="macro"))
    assert_same(ours.values["auc"], sk.roc_auc_score(y, scores, average="macro"))


def test_two_columns_are_compared_by_their_difference():
    scores = RNG.normal(size=(N, 2)) * 3
    ours = assessed(Binary(threshold=1.0, from_logits=False), Y, scores, "f1")
    assert_same(ours.values["f1"], sk.f1_score(Y, scores[:, 1] - scores[:, 0] > 1.0))


@pytest.mark.parametrize(
    ("task", "y_true", "y_pred", "advice"),
    [
        (Binary(), Y, COSINE, "task=Binary(threshold=0.0, from_logits=False)"),
        (Binary(from_logits=False), Y, COSINE, "task=Binary(threshold=0.0, from_logits=False)"),
        (Multilabel(), Y[:, None], COSINE[:, None], "task=Multilabel(threshold=0.0, from_logits=False)"),
    ],
)
def test_without_a_threshold_the_error_names_it(task, y_true, y_pred, advice):
    with pytest.raises(DataError) as caught:
        read(task, y_true, y_pred)
    assert advice in str(caught.value)
    advised = eval(advice.removeprefix("task="), {"Binary": Binary, "Multilabel": Multilabel})
    assert read(advised, y_true, y_pred).y_pred.ravel().tolist() == (y_pred.ravel() > 0).tolist()


@pytest.mark.parametrize("name", ["neg_log_loss", "neg_brier_score"])
@pytest.mark.parametrize(
    ("task", "loss"),
    [
        (Binary(threshold=0.0, from_logits=False), "mse"),
        (Binary(threshold=0.5, from_logits=False), "mse"),
        ("binary", "hinge"),
    ],
)
def test_scorers_of_probabilities_are_refused_before_training(task, loss, name):
    began = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: began.append(epoch))
    metrics, x = Metrics(["f1", name], task=task, verbose=False), COSINE[:, None]
    with pytest.raises(ValueError, match=rf"{name} needs probabilities.*scoring=\['f1'\]"):
        echo_model(1, loss).fit(x, Y, validation_data=(x, Y), verbose=0, callbacks=[watch, metrics])
    assert not began


def contrastive(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_pred - (2 * y_true - 1)), axis=-1)


@pytest.mark.parametrize("memory", ["exact", "bounded"])
def test_fit_plots_and_report_use_the_units_of_the_outputs(memory, tmp_path, capsys):
    metrics = Metrics(task=Binary(threshold=0.2, from_logits=False), memory=memory, verbose=True)
    x = COSINE[:, None]
    echo_model(1, contrastive).fit(x, Y, validation_data=(x, Y), verbose=0, callbacks=[metrics])
    assert_same(metrics.f1s, [sk.f1_score(Y, np.greater(COSINE, np.float32(0.2)))])
    assert "positive when output > 0.2" in capsys.readouterr().out
    axes = metrics.history.plot_threshold().ax_
    assert axes.get_xlabel() == "threshold"
    marked = [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1]
    assert any(abs(place - 0.2) < 1e-6 for place in marked)
    low, high = axes.get_xlim()
    assert low < COSINE.min() + 0.2
    assert high > COSINE.max() - 0.2
    metrics.history.save_report(tmp_path / "report.html")
    assert '"score": "output"' in (tmp_path / "report.html").read_text().replace('":"', '": "')


def test_parts_of_a_pass_may_lie_within_0_and_1():
    x = np.concatenate([INSIDE, COSINE])[:, None]
    y = np.concatenate([Y, Y])
    metrics = Metrics(["f1"], task=Binary(threshold=0.3, from_logits=False), memory="bounded", verbose=False)
    model = echo_model(1, contrastive)
    model.fit(x, y, validation_data=(x, y), batch_size=N, verbose=0, callbacks=[metrics])
    assert_same(metrics.f1s, [sk.f1_score(y, x[:, 0] > np.float32(0.3))])


def evaluated(task, x, y, memory):
    metrics = Metrics(["f1", "confusion", "auc"], task=task, memory=memory, verbose=False)
    return metrics.evaluate(echo_model(x.shape[1], contrastive), x, y, batch_size=16)


@pytest.mark.parametrize("left_out", [slice(0, 32), slice(32, 64), slice(64, None)], ids=["first", "later", "last"])
@pytest.mark.parametrize("task", [Binary, Multilabel])
@pytest.mark.parametrize("threshold", [0.3, "f1"])
def test_a_part_without_rows_does_not_show_the_unit(task, threshold, left_out, monkeypatch):
    """No row is counted as one of another unit; nor does it tell which thresholds there are."""
    monkeypatch.setattr(row_store, "PART", 256)
    columns = 1 if task is Binary else 2
    x, y = np.repeat(COSINE[:, None], columns, axis=1), np.repeat(Y[:, None], columns, axis=1).astype("float32")
    y[left_out] = -1
    task = task(threshold=threshold, from_logits=False, ignore_class=-1)
    exact, bounded = (evaluated(task, x, y, memory) for memory in ("exact", "bounded"))
    np.testing.assert_array_equal(bounded["confusion"], exact["confusion"])
    kept = y[:, 0] >= 0
    assert bounded["auc"] == pytest.approx(sk.roc_auc_score(Y[kept], COSINE[kept]), abs=0.01)
    if threshold == "f1" and columns == 1:
        assert bounded["threshold"] == pytest.approx(exact["threshold"], rel=1e-3)


@pytest.mark.parametrize("place", [3, 70])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_do_not_show_the_unit(wrong, place, monkeypatch):
    """They leave nan, as those of a whole pass do, whatever the others are."""
    monkeypatch.setattr(row_store, "PART", 256)
    for outputs in (COSINE, INSIDE):
        x = outputs[:, None].copy()
        x[place] = wrong
        with pytest.warns(UserWarning, match="outputs are NaN or infinite"):
            found = evaluated(Binary(threshold=0.3, from_logits=False), x, Y, "bounded")
        assert np.isnan([found["f1"], found["auc"]]).all()


@pytest.mark.parametrize(
    ("threshold", "outputs", "scale"),
    [
        (0.5, [0.2, 0.7], "probability"),
        (0.5, [0.0, 1.0000005], "probability"),
        (None, [0.2, 0.7], "probability"),
        (0.5, [0.2, 1.1], "margin"),
        (0.5, [-0.1, 0.7], "margin"),
        (0.0, [0.2, 0.7], "margin"),
        (1.0, [0.2, 0.7], "margin"),
        (1.5, [0.2, 0.7], "margin"),
    ],
)
def test_the_threshold_and_the_outputs_tell_the_unit(threshold, outputs, scale):
    assert read(Binary(threshold=threshold, from_logits=False), [0, 1], outputs).scale == scale
    assert read(Multilabel(threshold=threshold, from_logits=False), [[0, 1]], [outputs]).scale == scale
