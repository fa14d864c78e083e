"""The plot of a calibration: what it draws, and what its text tells."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.special import expit
from sklearn.calibration import calibration_curve

from kerascb_metrics import Metrics
from tests.insight.test_calibration import drawn, without_rows
from tests.support.histories import binary_history, labels_history, multiclass_history
from tests.support.pictures import assert_readable, legend_of

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_the_line_is_that_of_scikit_learn():
    y_true, z = drawn(500)
    display = Metrics().score(y_true, expit(z)).plot_calibration(n_bins=7)
    prob_true, prob_pred = calibration_curve(y_true, expit(z), n_bins=7, strategy="quantile")
    np.testing.assert_allclose(display.line_.get_xydata(), np.column_stack([prob_pred, prob_true]), atol=1e-12)
    assert display.ax_.get_xlabel() == "predicted probability of class 1"
    assert_readable(display.figure_)


def test_ece_stands_beside_that_of_a_calibrated_model():
    y_true, z = drawn(500, 2.0)
    display = Metrics().score(y_true, expit(z)).plot_calibration(confidence_level=0.9)
    found, title = display.calibration, display.ax_.get_title()
    assert title == (
        f"Brier score {found.brier:.4f}, log loss {found.log_loss:.4f}\n"
        f"ECE {found.ece:.4f} (if calibrated {found.ece_if_calibrated:.4f})"
    )
    assert legend_of(display.ax_) == ["90 % of\ncalibrated models", "perfectly\ncalibrated", "10 bins of\n50 rows"]


def test_without_a_band_there_is_no_ece():
    y_true, z = drawn(500)
    scores = Metrics().score(y_true, expit(z), np.linspace(0, 2, 500))
    display = without_rows(scores).plot_calibration()
    assert "ECE" not in display.ax_.get_title()
    assert legend_of(display.ax_)[0] == "perfectly\ncalibrated"
    assert_readable(display.figure_)


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_axes_at_hand(layout):
    y_true, z = drawn(300)
    _, ax = plt.subplots(figsize=(4, 3), layout=layout)
    display = Metrics().score(y_true, expit(z)).plot_calibration(ax=ax)
    assert display.ax_ is ax
    assert display.plot(ax) is display


def test_the_axes_end_where_the_bins_of_a_rare_class_do():
    y_true, z = drawn(5000, shift=-4.0)
    display = Metrics().score(y_true, expit(z)).plot_calibration()
    assert display.ax_.get_xlim()[1] < 0.5
    assert display.ax_.get_xlim() == display.ax_.get_ylim()
    assert_readable(display.figure_)


def test_one_bin_has_a_band():
    display = Metrics().score([0, 1, 0, 1], [0.25, 0.25, 0.75, 0.75]).plot_calibration(n_bins=1)
    assert len(display.ax_.collections) == 3  # the band, its line, the marker
    assert legend_of(display.ax_)[-1] == "1 bin of\n4 rows"


def test_epochs_are_those_of_at():
    history, y_true, passes = binary_history(3)
    display = history.plot_calibration(1, n_bins=5)
    assert display.ax_.get_title().startswith("epoch 1\nBrier score")
    prob_true, _ = calibration_curve(y_true, passes[1], n_bins=5, strategy="quantile")
    np.testing.assert_allclose(display.calibration.prob_true, prob_true, atol=1e-12)
    assert history.plot_calibration("last").calibration.brier == history.at(2).calibration().brier


def test_classes_and_labels():
    for history, names in ((multiclass_history(3)[0], "0, 1, 2"), (labels_history(3)[0], "0, 1, 2")):
        with pytest.raises(ValueError, match=f"calibration is of one class: choose class_name= from {names}"):
            history.plot_calibration()
        assert history.plot_calibration(0, "2").calibration.class_name == "2"


def test_the_last_epoch_of_a_fit_has_its_rows():
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4)).astype("float32")
    y = (rng.random(200) < expit(x[:, 0])).astype(int)
    weight = rng.uniform(0.5, 2, 200)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    metrics = Metrics(verbose=False)
    model.fit(x, y, validation_data=(x, y, weight), epochs=2, verbose=0, callbacks=[metrics])
    first, last = (metrics.history.plot_calibration(epoch).calibration for epoch in (0, -1))
    assert np.isnan(first.low).all()  # the curve of weighted rows
    assert np.isfinite(last.low).all()
    assert last.n.sum() == 200
    assert np.isfinite(metrics.history.at(0).temperature())
