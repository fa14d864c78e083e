"""The pictures' data and text: confusion matrices and scores over the epochs, and what is refused."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn import metrics

from kerascb_metrics import Metrics, ScoreHistory
from kerascb_metrics.show.plots.axes import MOST_LINES, short, style
from kerascb_metrics.show.plots.confusion import ConfusionDisplay
from tests.support.histories import binary_history, labels_history, multiclass_history, y_of
from tests.support.models import binary_rows, echo_model
from tests.support.pictures import assert_readable, legend_of, texts

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def _no_figure_left():
    yield
    plt.close("all")


def scores(epochs=3, **values):
    """A `ScoreHistory` of f1, or of other scores, rising by 0.1 an epoch."""
    history = ScoreHistory({"f1": True, "log_loss": False})
    for epoch in range(epochs):
        given = {name: value[epoch] for name, value in values.items()} or {"f1": 0.1 * epoch}
        history.append(epoch, given)
        history.logs[-1].update(loss=1.0 - 0.1 * epoch, val_loss=1.1)
    return history


@pytest.mark.parametrize(
    ("flaw", "draw"),
    [
        ("on the left", lambda ax: ax.text(-0.5, 0.5, "outside")),
        ("on the right", lambda ax: ax.text(1.5, 0.5, "outside")),
        ("overlap", lambda ax: ax.set_xticks([0, 0.01], ["one", "two"])),
    ],
)
def test_what_is_not_readable_is_found(flaw, draw):
    figure, ax = plt.subplots()
    draw(ax)
    with pytest.raises(AssertionError, match=flaw):
        assert_readable(figure)


# Confusion matrices.


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
def test_cells_are_scikit_learns(normalize):
    history, y_true, y_pred = multiclass_history(4)
    display = history.plot_confusion(normalize=normalize)
    expected = metrics.confusion_matrix(y_true, y_pred[-1].argmax(axis=1), normalize=normalize)
    np.testing.assert_array_equal(display.confusion_matrix, expected)
    form = "d" if normalize is None else ".2f"
    assert texts(display.text_.flat) == [format(cell, form) for cell in expected.flat]
    assert isinstance(display, metrics.ConfusionMatrixDisplay)


def test_weighted_cells_are_scikit_learns():
    weight = np.random.default_rng(5).random(len(y_of(3)))
    history, y_true, y_pred = multiclass_history(3, sample_weight=weight)
    expected = metrics.confusion_matrix(y_true, y_pred[-1].argmax(axis=1), sample_weight=weight)
    assert texts(history.plot_confusion().text_.flat) == [format(cell, ".4g") for cell in expected.flat]


def test_the_epoch_asked_for():
    history, y_true, y_pred = multiclass_history(3, epochs=3)
    history._values["f1"][:] = [0.2, 0.9, 0.3]
    for epoch, place in ((0, 0), (2, 2), (-1, 2), ("best", 1)):
        display = history.plot_confusion(epoch)
        np.testing.assert_array_equal(
            display.confusion_matrix, metrics.confusion_matrix(y_true, y_pred[place].argmax(axis=1))
        )
        assert display.ax_.get_title() == f"epoch {place}"


@pytest.mark.parametrize("n_classes", [2, 12, 30, 100])
def test_confusion_is_readable_at_any_size(n_classes):
    names = [f"class number {i}" for i in range(n_classes)]
    history, *_ = multiclass_history(n_classes, class_names=names)
    display = history.plot_confusion()
    assert_readable(display.figure_)
    labels = texts(display.ax_.get_yticklabels())
    assert (
        labels == texts(display.ax_.get_xticklabels()) == names[:: 1 if n_classes <= 30 else len(names) // len(labels)]
    )
    assert (display.text_ is None) == (n_classes == 100)
    assert len(display.figure_.axes) == (2 if n_classes == 100 else 1)  # the colour bar
    if display.text_ is not None:
        cell = display.ax_.get_window_extent().width / n_classes
        assert max(text.get_window_extent().width for text in display.text_.flat) < cell


def test_long_names_are_cut_where_they_stay_distinct():
    names = [f"{'very ' * 8}long name {i}" for i in range(5)]
    history, *_ = multiclass_history(5, class_names=names)
    display = history.plot_confusion()
    assert_readable(display.figure_)
    assert len(set(texts(display.ax_.get_xticklabels()))) == 5
    assert list(display.display_labels) == names


@pytest.mark.parametrize(("before", "after"), [("same start, end", "sam… end"), ("short", "short")])
def test_short_names(before, after):
    assert short([before], 8) == [after]


def test_values_show_on_their_cells():
    for cell, colour in ((7, "white"), (0, "black")):  # the darkest blue, and no colour
        display = ConfusionDisplay(np.full((3, 3), cell)).plot()
        assert {text.get_color() for text in display.text_.flat} == {colour}


@pytest.mark.parametrize("normalize", [None, "true"])
def test_multilabel_has_a_table_a_label(normalize):
    history, y_true, y_pred = labels_history(5)
    display = history.plot_confusion(normalize=normalize)
    assert_readable(display.figure_)
    assert [ax.get_title() for ax in display.axes_] == [str(label) for label in range(5)]
    for label, own in enumerate(display.displays_):
        expected = metrics.confusion_matrix(y_true[:, label], y_pred[-1][:, label] > 0.5, normalize=normalize)
        np.testing.assert_array_equal(own.confusion_matrix, expected)
    assert display.plot(plt.figure().add_subplot()) is display
    with pytest.raises(ValueError, match="2 × 3 panels"):
        display.plot(plt.figure().add_axes((0, 0, 1, 1)))


def test_several_outputs():
    history = ScoreHistory({"a_f1": True})
    one, *_ = multiclass_history(3)
    two, *_ = multiclass_history(4)
    history.append(0, {"a_f1": 0.5, "b_f1": 0.6}, {"a": one.tally(), "b": two.tally()})
    assert history.plot_confusion(output="b").confusion_matrix.shape == (4, 4)
    assert history.plot_confusion(output="b").ax_.get_title() == "b, epoch 0"
    with pytest.raises(ValueError, match="output must be one of 'a', 'b'"):
        history.plot_confusion()


# Scores over the epochs.


def test_scores_over_the_epochs():
    history = scores(f1=[0.5, 0.9, 0.7], log_loss=[0.6, 0.4, 0.5], own=[0.1, 0.2, 0.3])
    display = history.plot()
    lines = [line for line in display.ax_.get_lines() if line.get_linestyle() != "None"]
    for line, name in zip(lines, ("f1", "log_loss", "own"), strict=True):
        assert line.get_xydata().tolist() == [[epoch, value] for epoch, value in enumerate(history[name])]
    rings = [line.get_xydata().tolist()[0] for line in display.ax_.get_lines() if line.get_linestyle() == "None"]
    assert rings == [[1, 0.9], [1, 0.4]]
    assert legend_of(display.ax_) == ["f1, best 0.9 in epoch 1", "log_loss, best 0.4 in epoch 1", "own"]
    assert_readable(display.figure_)


def test_losses_have_a_panel():
    display = scores().plot(losses=True)
    assert len(display.axes_) == 2
    loss = display.axes_[1].get_lines()[0]
    np.testing.assert_allclose(loss.get_ydata(), [1.0, 0.9, 0.8])
    assert legend_of(display.axes_[1]) == ["loss", "val_loss"]
    history = ScoreHistory({"f1": True})
    history.append(0, {"f1": 0.5})
    with pytest.raises(ValueError, match="no loss was logged"):
        history.plot(losses=True)


def test_magnitudes_and_signs_have_panels():
    history = scores(f1=[0.1, 0.2, 0.3], big=[150.0, 300.0, 999.0], neg=[-0.1, -0.2, -0.3], other=[0.4, 0.4, 0.4])
    panels = [legend_of(ax) for ax in history.plot().axes_]
    assert panels == [["f1, best 0.3 in epoch 2", "other"], ["neg"], ["big"]]


def test_gaps_and_one_epoch():
    nan = float("nan")
    display = scores(f1=[nan, 0.5, nan], none=[nan] * 3).plot()
    assert legend_of(display.ax_) == ["f1, best 0.5 in epoch 1", "none"]
    assert display.ax_.get_lines()[0].get_markevery() == [0, 1, 2]
    one = scores(epochs=1).plot()
    assert texts(one.ax_.get_xticklabels()) == ["0"]


def test_points_far_apart_keep_their_markers():
    values = [0.5, float("nan")] * 30
    drawn = scores(epochs=60, f1=values).plot().ax_.get_lines()[0].get_markevery()
    assert set(range(0, 60, 2)) <= set(drawn)
    drawn = scores(epochs=60, f1=[epoch == 31 for epoch in range(60)]).plot().ax_.get_lines()[0].get_markevery()
    assert 31 in drawn  # the best
    assert len(drawn) < 15


def test_epochs_that_were_not_scored_are_not_drawn():
    history = ScoreHistory({"f1": True})
    for epoch in (1, 3, 5):
        history.append(epoch, {"f1": epoch / 10})
    assert history.plot("f1").ax_.get_lines()[0].get_xdata().tolist() == [1, 3, 5]


def test_a_score_by_class_stands_for_its_classes():
    history, *_ = multiclass_history(3, average=None, class_names=["cat", "dog", "eel"])
    assert list(history.plot("f1").scores) == ["f1_cat", "f1_dog", "f1_eel"]
    assert list(history.plot(["f1_cat", "kappa"]).scores) == ["f1_cat", "kappa"]
    assert "confusion" not in history.plot().scores


def test_scores_that_cannot_be_drawn():
    history, *_ = multiclass_history(10, average=None)
    with pytest.raises(KeyError, match="no score 'f2' was recorded; there are: f1"):
        history.plot("f2")
    with pytest.raises(ValueError, match=r"plot_confusion\(\)"):
        history.plot("confusion")
    with pytest.raises(ValueError, match=r"41 lines .* Choose names= of: f1, precision, recall, kappa, auc, confusion"):
        history.plot()
    with pytest.raises(ValueError, match="no epoch was scored"):
        ScoreHistory().plot()


def test_no_two_lines_look_alike():
    looks = {tuple(style(number)[key] for key in ("color", "linestyle")) for number in range(MOST_LINES)}
    assert len(looks) == MOST_LINES
    uncoloured = {tuple(style(number)[key] for key in ("linestyle", "marker")) for number in range(MOST_LINES)}
    assert len(uncoloured) == MOST_LINES


# What all have in common.


def test_a_fit_can_be_drawn_at_once():
    x, y = binary_rows()
    run = Metrics(verbose=False)
    echo_model().fit(x, y, validation_data=(x, y), epochs=2, verbose=0, callbacks=[run])
    np.testing.assert_array_equal(run.history.plot_confusion().confusion_matrix, run.confusion[-1])
    drawn = run.history.plot(losses=True)
    assert list(drawn.scores) == ["f1", "precision", "recall", "kappa", "auc"]
    assert list(drawn.losses) == ["loss", "val_loss"]
    assert run.history.plot_roc().names == [f"class 1, auc {run.auc[-1]:.3f}"]


@pytest.mark.parametrize(
    ("made", "class_name"),
    [(binary_history, None), (lambda: multiclass_history(3, average=None), "1"), (lambda: labels_history(3), "1")],
)
def test_a_loaded_history_is_drawn_as_the_live_one(made, class_name, tmp_path):
    live, *_ = made()
    live.save(tmp_path / "scores.json")
    loaded = ScoreHistory.load(tmp_path / "scores.json")
    for one, two in zip(*([*pictures_of(history, class_name)] for history in (live, loaded)), strict=True):
        assert one.get_title() == two.get_title()
        assert [line.get_label() for line in one.get_lines()] == [line.get_label() for line in two.get_lines()]
        for line, same in zip(one.get_lines(), two.get_lines(), strict=True):
            np.testing.assert_allclose(line.get_xydata().astype(float), same.get_xydata().astype(float), atol=1e-12)
        assert texts(one.texts) == texts(two.texts)


def pictures_of(history, class_name):
    """The axes of every picture."""
    yield history.plot().ax_
    yield history.plot_confusion(normalize="true").ax_
    yield history.plot_roc([0, "best"]).ax_
    yield history.plot_precision_recall().ax_
    yield history.plot_threshold(0, class_name).ax_


def test_ax_is_drawn_in_and_figures_are_not_shown(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("shown"))
    history, *_ = binary_history()
    figure, axes = plt.subplots(2, 3)
    drawn = [
        history.plot("f1", ax=axes[0, 0]),
        history.plot_confusion(ax=axes[0, 1]),
        history.plot_roc(ax=axes[0, 2]),
        history.plot_precision_recall(ax=axes[1, 0]),
        history.plot_threshold(ax=axes[1, 1]),
    ]
    assert [display.ax_ for display in drawn] == list(axes.flat[:5])
    assert all(display.figure_ is figure and display.plot() is display for display in drawn)
    assert all(display.figure_ is not figure for display in drawn)


def test_subfigures():
    history = scores()
    left, right = plt.figure(layout="constrained").subfigures(1, 2)
    assert history.plot(ax=left.subplots()).figure_ is left
    assert binary_history()[0].plot_confusion(ax=right.subplots()).figure_ is right


@pytest.mark.parametrize("draw", ["plot", "plot_confusion", "plot_roc", "plot_precision_recall", "plot_threshold"])
def test_without_matplotlib_the_extra_is_named(draw, monkeypatch):
    history, *_ = binary_history()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "kerascb_metrics\[plot\]"'):
        getattr(history, draw)()


@pytest.mark.parametrize("draw", ["plot_confusion", "plot_roc", "plot_precision_recall", "plot_threshold"])
def test_an_epoch_that_was_not_scored(draw):
    history, *_ = binary_history(epochs=2)
    with pytest.raises(ValueError, match=r"epoch 7 was not scored; the scored epochs are \[0, 1\]"):
        getattr(history, draw)(7)


def test_unknown_normalisation():
    history, *_ = binary_history()
    with pytest.raises(ValueError, match="normalize must be one of None, 'true', 'pred', 'all'; received 'rows'"):
        history.plot_confusion(normalize="rows")
