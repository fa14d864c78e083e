"""ROC, precision-recall and threshold plots: lines equal to scikit-learn's exact curves, and their text."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn import metrics

from kerascb_metrics import Binary, ScoreHistory
from tests.support.histories import binary_history, history_of, labels_history, multiclass_history
from tests.support.pictures import assert_readable, legend_of

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def assert_points_of(line, x, y):
    """Assert that the points of a line are points of (x, y), within rounding, in the same order, with the same ends."""
    drawn, exact = line.get_xydata(), np.column_stack([x, y])
    found = [np.flatnonzero(np.isclose(exact, point, rtol=0, atol=1e-12).all(axis=1)) for point in drawn]
    assert all(map(len, found)), f"{sum(not len(indices) for indices in found)} of {len(drawn)} points are not exact"
    np.testing.assert_allclose(drawn[[0, -1]], exact[[0, -1]], atol=1e-12)
    reached = 0
    for indices in found:
        assert indices.max() >= reached
        reached = indices[indices >= reached].min()


def assert_roc(line, y_true, y_score):
    fpr, tpr, _ = metrics.roc_curve(y_true, y_score, drop_intermediate=False)
    assert_points_of(line, fpr, tpr)


def assert_precision_recall(line, y_true, y_score):
    precision, recall, _ = metrics.precision_recall_curve(y_true, y_score)
    assert_points_of(line, recall, precision)
    assert line.get_drawstyle() == "steps-post"


def test_assert_points_of_finds_other_points():
    line = plt.plot([0, 0.5, 1], [0, 0.6, 1])[0]
    assert_points_of(line, [0, 0.5, 0.5, 1], [0, 0.5, 0.6, 1])
    with pytest.raises(AssertionError, match="1 of 3 points"):
        assert_points_of(line, [0, 0.5, 1], [0, 0.5, 1])


@pytest.mark.parametrize(
    ("draw", "check"), [("plot_roc", assert_roc), ("plot_precision_recall", assert_precision_recall)]
)
class TestCurves:
    """Both kinds of curves."""

    @pytest.mark.parametrize("logits", [False, True])
    def test_binary(self, draw, check, logits):
        history, y_true, passes = binary_history(3, logits=logits)
        display = getattr(history, draw)([0, 2])
        check(display.lines_[0], y_true, passes[0])
        check(display.lines_[1], y_true, passes[2])

    def test_class_0_as_positive_class(self, draw, check):
        history, y_true, passes = binary_history(1, task=Binary(pos_label=0, class_names=["ill", "well"]))
        display = getattr(history, draw)()
        check(display.lines_[0], y_true == 0, -passes[0])
        assert "(Positive label: ill)" in display.ax_.get_xlabel()

    def test_classes(self, draw, check):
        history, y_true, passes = multiclass_history(3, class_names=["cat", "dog", "eel"])
        display = getattr(history, draw)()
        assert len(display.lines_) == 3
        for index, line in enumerate(display.lines_):
            check(line, y_true == index, passes[-1][:, index])
        chosen = getattr(history, draw)([0, 1], classes=["eel", "cat"])
        check(chosen.lines_[2], y_true == 2, passes[1][:, 2])
        assert [name.split(",")[0] for name in chosen.names] == ["class eel", "class cat"] * 2
        assert_readable(chosen.figure_)

    def test_labels(self, draw, check):
        history, y_true, passes = labels_history(2)
        display = getattr(history, draw)(classes="1")
        check(display.lines_[0], y_true[:, 1], passes[-1][:, 1])

    def test_an_epoch_is_drawn_once(self, draw, check):
        history, *_ = binary_history(2)
        assert len(getattr(history, draw)([1, -1, 1]).lines_) == 1
        with pytest.raises(ValueError, match="at least one epoch"):
            getattr(history, draw)([])

    def test_missing_curves_raise(self, draw, check):
        history, *_ = multiclass_history(3)
        with pytest.raises(ValueError, match="epoch 1 has curves of the classes '0', '1', '2'; received 'cat'"):
            getattr(history, draw)(classes="cat")
        history, *_ = binary_history(scoring=["f1"])
        history.tallies[-1][None].curves.clear()
        with pytest.raises(ValueError, match=r"no curves.*\(auc, roc_auc…, average_precision\)"):
            getattr(history, draw)()

    def test_too_many_curves_raise(self, draw, check):
        history, *_ = multiclass_history(30)
        with pytest.raises(ValueError, match=r"received 30 lines; one plot can show at most 28.*classes=\["):
            getattr(history, draw)()
        many = getattr(history, draw)(classes=range(28))
        assert_readable(many.figure_)
        styles = {(line.get_color(), line.get_linestyle()) for line in many.lines_}
        assert len(styles) == 28


def test_the_legend_has_only_recorded_scores():
    history, y_true, passes = binary_history(2, scoring=["auc", "average_precision"])
    auc = [metrics.roc_auc_score(y_true, y_pred) for y_pred in passes]
    precision = metrics.average_precision_score(y_true, passes[1])
    assert legend_of(history.plot_roc([0, 1]).ax_) == [
        f"class 1, epoch 0, auc {auc[0]:.3f}",
        f"class 1, epoch 1, auc {auc[1]:.3f}",
        "Chance level (AUC = 0.5)",
    ]
    assert legend_of(history.plot_precision_recall().ax_)[0] == f"class 1, average_precision {precision:.3f}"
    history, *_ = binary_history(1)
    assert legend_of(history.plot_precision_recall().ax_)[0] == "class 1"


def test_the_legend_has_the_area_of_a_class():
    history, y_true, passes = multiclass_history(3, average=None)
    area = metrics.roc_auc_score(y_true == 2, passes[-1][:, 2])
    assert legend_of(history.plot_roc(classes="2").ax_)[0] == f"class 2, auc {area:.3f}"
    history, *_ = multiclass_history(3)  # the macro average does not belong to a class
    assert legend_of(history.plot_roc(classes="2").ax_)[0] == "class 2"


def test_the_legend_has_the_area_of_an_output():
    one, *_ = binary_history(1)
    history = ScoreHistory()
    history.append(0, {"a_auc": 0.75, "auc": 0.5}, {"a": one.tally(), "b": one.tally()})
    assert history.plot_roc(output="a").names == ["class 1, auc 0.750"]
    assert history.plot_roc(output="b").names == ["class 1"]
    assert history.plot_roc(output="b").ax_.get_title() == "b, epoch 0"


def test_the_chance_level():
    history, y_true, _ = binary_history(1)
    assert set(history.plot_precision_recall().displays[-1].chance_level_.get_ydata()) == {y_true.mean()}
    history, *_ = multiclass_history(3)
    assert history.plot_precision_recall().displays[-1].chance_level_ is None  # each class has a different one


# By threshold.


@pytest.mark.parametrize("pos_label", [0, 1])
@pytest.mark.parametrize("logits", [False, True])
def test_threshold_lines_are_scikit_learns(pos_label, logits):
    history, y_true, passes = binary_history(
        1, task=Binary(threshold=0.3, from_logits=logits, pos_label=pos_label), logits=logits
    )
    display = history.plot_threshold()
    proba = 1 / (1 + np.exp(-passes[0])) if logits else passes[0]
    proba = proba if pos_label else 1 - proba
    assert (np.diff(display.thresholds) > 0).all()
    for index in range(len(display.thresholds)):
        y_pred = proba >= display.thresholds[index] - 1e-9
        expected = metrics.precision_recall_fscore_support(y_true == pos_label, y_pred, average="binary")[:3]
        np.testing.assert_allclose([line.get_ydata()[index] for line in display.lines_], expected, atol=1e-12)
    marked = display.ax_.get_lines()[-1].get_xdata()
    np.testing.assert_allclose(marked, [0.3 if pos_label else 0.7] * 2)
    assert display.ax_.get_xlabel() == f"threshold: probability of class {pos_label}"


def test_the_marked_threshold_is_the_one_scored():
    """Precision, recall and F1 at the marked threshold are the recorded ones, even for a very thin curve."""
    for task in (Binary(threshold=0.3), Binary(threshold=0.7, pos_label=0)):
        history, *_ = binary_history(1, task=task, scoring=["precision", "recall", "f1", "auc"])
        curve = next(iter(history.tally().curves.values()))
        for name in ("thresholds", "tps", "fps"):  # the thinnest curve possible
            object.__setattr__(curve, name, getattr(curve, name)[[0, 1, -1]])
        display = history.plot_threshold()
        index = list(display.thresholds).index(display.threshold)
        drawn = [line.get_ydata()[index] for line in display.lines_]
        np.testing.assert_allclose(drawn, [history[name][0] for name in ("precision", "recall", "f1")])
        assert display.best[1] >= history["f1"][0] - 1e-12


def test_the_marked_threshold_of_a_label():
    history, y_true, passes = labels_history(2, threshold=[0.2, 0.7])
    display = history.plot_threshold(class_name="1")
    index = list(display.thresholds).index(display.threshold)
    assert display.f1[index] == pytest.approx(metrics.f1_score(y_true[:, 1], passes[-1][:, 1] > 0.7))


def test_a_score_equal_to_the_threshold():
    history = history_of(Binary(), [0, 1, 1], [np.array([0.1, 0.5, 0.9])])
    display = history.plot_threshold()
    assert display.thresholds.tolist() == [0.1, 0.5, 0.5, 0.9]
    assert display.recall.tolist() == [1.0, 1.0, 0.5, 0.5]  # at or above it, then above it


def test_the_highest_f1():
    history, y_true, passes = binary_history(1, task=Binary(threshold=0.999))  # predicts no positive row
    display = history.plot_threshold()
    threshold, value = display.best
    scores = [metrics.f1_score(y_true, passes[0] >= cut) for cut in np.unique(passes[0])]
    assert value == pytest.approx(max(scores), abs=1e-12)
    assert metrics.f1_score(y_true, passes[0] >= threshold) == pytest.approx(value, abs=1e-12)
    assert np.isnan(display.precision[-1])


def test_margins_have_no_probabilities():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 50)
    history = history_of(Binary(threshold=0.2), y, [rng.normal(size=50) + y], loss="hinge", scoring=["f1", "roc_auc"])
    display = history.plot_threshold()
    assert display.threshold == 0.2
    assert display.ax_.get_xlabel() == "threshold"


def test_one_threshold_per_label():
    history, *_ = labels_history(3, threshold=[0.2, 0.5, 0.7])
    assert history.plot_threshold(class_name="2").threshold == pytest.approx(0.7)
    assert history.plot_threshold(class_name=1).threshold == 0.5
    with pytest.raises(ValueError, match="choose class_name= from 0, 1, 2"):
        history.plot_threshold()


def test_several_classes_have_no_default_threshold():
    history, *_ = multiclass_history(3)
    display = history.plot_threshold("best", "1")
    assert display.threshold is None
    assert_readable(display.figure_)
    assert legend_of(display.ax_)[:3] == ["precision", "recall", "F1"]


# A threshold that a score chose.


@pytest.mark.parametrize("pos_label", [0, 1])
def test_the_chosen_threshold_is_marked_at_its_cross_fitted_f1(pos_label):
    history, *_ = binary_history(1, task=Binary(threshold="f1", pos_label=pos_label))
    display = history.plot_threshold()
    (recorded,) = history["threshold"]
    assert display.chosen == pytest.approx(recorded if pos_label else 1 - recorded)
    assert display.threshold == 0.5
    assert display.cross_fitted == pytest.approx(history["f1"][0], abs=1e-12)
    star = next(line for line in display.ax_.lines if line.get_marker() == "*")
    assert star.get_xydata().tolist() == [[display.chosen, display.cross_fitted]]
    labels = [" ".join(text.split()) for text in legend_of(display.ax_)]
    assert f"chosen threshold {display.chosen:.3g}" in labels
    assert f"cross-fitted F1: {display.cross_fitted:.3f}" in labels
    assert "default threshold 0.5" in labels
    assert not any("highest" in label for label in labels)
    assert_readable(display.figure_)


def test_the_chosen_threshold_of_a_label():
    history, *_ = labels_history(2, threshold="f1")
    display = history.plot_threshold(class_name="1")
    assert display.chosen == history["threshold_1"][-1]
    assert display.cross_fitted == pytest.approx(
        history.at("last").report(output_dict=True)["1"]["f1-score"], abs=1e-12
    )


def test_a_chosen_threshold_comes_back_from_a_file(tmp_path):
    history, *_ = labels_history(2, threshold="f1")
    history.save(tmp_path / "run.json")
    again = ScoreHistory.load(tmp_path / "run.json")
    assert again.plot_threshold(class_name="1").chosen == history.plot_threshold(class_name="1").chosen
