"""The plot of a regression: its points, its line, and its messages."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from kerascb_metrics import Metrics, ScoreHistory
from tests.support.page_histories import regressions
from tests.support.pictures import assert_readable

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.mark.parametrize("kind", ["actual_vs_predicted", "residual_vs_predicted"])
def test_points_are_the_rows_of_the_epoch(kind):
    history, rows = regressions()
    for epoch in (0, -1):
        display = history.plot_prediction_error(epoch, kind)
        y, p = (own.astype("float32").ravel() for own in rows[epoch])
        np.testing.assert_array_equal(display.y_true, y)
        np.testing.assert_array_equal(display.y_pred, p)
        up = y if kind == "actual_vs_predicted" else y - p.astype(float)
        np.testing.assert_allclose(display.scatter_.get_offsets(), np.column_stack([p, up]))
        assert display.ax_.get_title() == f"epoch {history.epochs[epoch]}\nall 300 rows"
        assert_readable(display.figure_)


def test_the_line_is_a_perfect_prediction():
    scores = Metrics(task="regression").score([1.0, 2.0, 4.0], [1.5, 2.0, 3.0])
    assert scores.plot_prediction_error().line_.get_slope() == 1
    display = scores.plot_prediction_error("residual_vs_predicted")
    assert list(display.line_.get_ydata()) == [0, 0]
    assert display.residuals.tolist() == [-0.5, 0.0, 1.0]


def test_output_and_column_are_chosen_and_titled():
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=(2, 1500, 6)).astype("float32")
    scores = Metrics("mae", task="regression").score({"$a$": y, "b": p}, {"$a$": p, "b": y}, {"$a$": np.ones(1500)})
    display = scores.plot_prediction_error(output="$a$", column=3)
    assert display.y_true[0] == y[0, 3]
    assert display.ax_.get_title() == "\\$a\\$, column 3\n600 of 1,500 rows, evenly spaced, without their weights"
    assert_readable(display.figure_)
    message = "column must be one of 0, 1, 2, 3: of 6 columns the first 4 are kept; received 4"
    for column in (4, -1, "0", True):
        with pytest.raises(ValueError, match=message.replace("received 4", f"received {column!r}")):
            scores.plot_prediction_error(output="b", column=column)
    with pytest.raises(ValueError, match=r"output must be one of '\$a\$', 'b'; received None"):
        scores.plot_prediction_error()


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_axes_at_hand(layout):
    _, ax = plt.subplots(figsize=(4, 3), layout=layout)
    scores = Metrics(task="regression").score([1.0, 2.0, 4.0], [1.5, 2.0, 3.0])
    display = scores.plot_prediction_error(ax=ax)
    assert display.ax_ is ax
    assert display.plot(ax) is display


def test_one_row_is_drawn():
    scores = Metrics("mae", task="regression").score([1.0], [1.0])
    assert scores.plot_prediction_error().ax_.get_title() == "the only row"


def test_a_loaded_history_draws_the_same(tmp_path):
    history, _ = regressions(rows=2000)
    history.save(tmp_path / "scores.json")
    one, other = (own.plot_prediction_error("best") for own in (history, ScoreHistory.load(tmp_path / "scores.json")))
    np.testing.assert_array_equal(one.scatter_.get_offsets(), other.scatter_.get_offsets())


def test_classes_have_no_prediction_errors():
    scores = Metrics().score([0, 1, 1], [0.2, 0.9, 0.4])
    with pytest.raises(ValueError, match=r"its task is binary, and they are of a regression.*plot_confusion"):
        scores.plot_prediction_error()
    with pytest.raises(ValueError, match="which plot_prediction_error draws"):
        Metrics(task="regression").score([1.0, 2.0], [1.5, 2.0]).plot_confusion()


def test_an_unknown_kind_and_undefined_scores_are_refused():
    history, _ = regressions()
    with pytest.raises(ValueError, match="kind must be 'actual_vs_predicted' or 'residual_vs_predicted'; received 'x'"):
        history.plot_prediction_error(kind="x")
    history.append(3, {"r2": float("nan")}, {None: None})
    with pytest.raises(ValueError, match="epoch 3 has no true and predicted values: its scores are undefined"):
        history.plot_prediction_error()
