"""Data and text of plots: confusion matrices, scores by epoch, and errors."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn import metrics

from kerascb_metrics import Metrics, ScoreHistory
from kerascb_metrics.show.plots.axes import MOST_LINES, shorten, style
from kerascb_metrics.show.plots.confusion import ConfusionDisplay
from tests.support.histories import binary_history, labels_history, multiclass_history, y_of
from tests.support.models import binary_rows, echo_model
from tests.support.pictures import assert_readable, legend_of, texts

plt.switch_backend("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def scores(epochs=3, **values):
    """Return a `ScoreHistory` of f1, rising by 0.1 per epoch, or of the given scores."""
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
def test_assert_readable_finds_flaws(flaw, draw):
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


def test_confusion_of_the_requested_epoch():
    history, y_true, y_pred = multiclass_history(3, epochs=3)
    history._run._values["f1"][:] = [0.2, 0.9, 0.3]
    for epoch, index in ((0, 0), (2, 2), (-1, 2), ("best", 1)):
        display = history.plot_confusion(epoch)
        np.testing.assert_array_equal(
            display.confusion_matrix, metrics.confusion_matrix(y_true, y_pred[index].argmax(axis=1))
        )
        assert display.ax_.get_title() == f"epoch {index}"


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


def test_values_that_do_not_fit_into_their_cells_are_left_out_unless_asked_for():
    matrix = np.full((12, 12), 123_456)
    for size, include_values, shown in ((8, None, True), (1.5, None, False), (1.5, True, True)):
        figure, ax = plt.subplots(figsize=(size, size))
        display = ConfusionDisplay(matrix).plot(ax, include_values=include_values)
        texts = [text.get_text() for text in display.ax_.texts]
        assert len(texts) == (144 if shown else 0)
        assert (len(figure.axes) == 2) == (not shown)  # a colour bar instead


def test_long_names_are_cut_so_that_they_stay_distinct():
    names = [f"{'very ' * 8}long name {i}" for i in range(5)]
    history, *_ = multiclass_history(5, class_names=names)
    display = history.plot_confusion()
    assert_readable(display.figure_)
    assert len(set(texts(display.ax_.get_xticklabels()))) == 5
    assert list(display.display_labels) == names


@pytest.mark.parametrize(("before", "after"), [("same start, end", "sam… end"), ("short", "short")])
def test_short_names(before, after):
    assert shorten([before], 8) == [after]


def test_values_are_visible_on_their_cells():
    for cell, colour in ((7, "white"), (0, "black")):  # the darkest blue, and white
        display = ConfusionDisplay(np.full((3, 3), cell)).plot()
        assert {text.get_color() for text in display.text_.flat} == {colour}


@pytest.mark.parametrize("normalize", [None, "true"])
def test_multilabel_has_one_table_per_label(normalize):
    history, y_true, y_pred = labels_history(5)
    display = history.plot_confusion(normalize=normalize)
    assert_readable(display.figure_)
    assert [ax.get_title() for ax in display.axes_] == [str(label) for label in range(5)]
    for label, table in enumerate(display.displays_):
        expected = metrics.confusion_matrix(y_true[:, label], y_pred[-1][:, label] > 0.5, normalize=normalize)
        np.testing.assert_array_equal(table.confusion_matrix, expected)
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


# Scores by epoch.


def test_scores_by_epoch():
    history = scores(f1=[0.5, 0.9, 0.7], log_loss=[0.6, 0.4, 0.5], own=[0.1, 0.2, 0.3])
    display = history.plot()
    lines = [line for line in display.ax_.get_lines() if line.get_linestyle() != "None"]
    for line, name in zip(lines, ("f1", "log_loss", "own"), strict=True):
        assert line.get_xydata().tolist() == [[epoch, value] for epoch, value in enumerate(history[name])]
    rings = [line.get_xydata().tolist()[0] for line in display.ax_.get_lines() if line.get_linestyle() == "None"]
    assert rings == [[1, 0.9], [1, 0.4]]
    assert legend_of(display.ax_) == ["f1, best 0.9 in epoch 1", "log_loss, best 0.4 in epoch 1", "own"]
    assert_readable(display.figure_)


def test_losses_have_their_own_panel():
    display = scores().plot(losses=True)
    assert len(display.axes_) == 2
    loss = display.axes_[1].get_lines()[0]
    np.testing.assert_allclose(loss.get_ydata(), [1.0, 0.9, 0.8])
    assert legend_of(display.axes_[1]) == ["loss", "val_loss"]
    history = ScoreHistory({"f1": True})
    history.append(0, {"f1": 0.5})
    with pytest.raises(ValueError, match="no loss was logged"):
        history.plot(losses=True)


def test_each_magnitude_and_sign_has_its_own_panel():
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


def test_isolated_points_have_markers():
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


def test_a_score_per_class_means_all_its_classes():
    history, *_ = multiclass_history(3, average=None, class_names=["cat", "dog", "eel"])
    assert list(history.plot("f1").scores) == ["f1_cat", "f1_dog", "f1_eel"]
    assert list(history.plot(["f1_cat", "kappa"]).scores) == ["f1_cat", "kappa"]
    assert "confusion" not in history.plot().scores


def test_scores_that_cannot_be_drawn_raise():
    history, *_ = multiclass_history(10, average=None)
    with pytest.raises(KeyError, match="no score 'f2' was recorded; there are: f1"):
        history.plot("f2")
    with pytest.raises(ValueError, match=r"plot_confusion\(\)"):
        history.plot("confusion")
    with pytest.raises(
        ValueError, match=r"41 lines; .* Choose names= from: f1, precision, recall, kappa, auc, confusion"
    ):
        history.plot()
    with pytest.raises(ValueError, match="no epoch was scored"):
        ScoreHistory().plot()


def test_all_line_styles_are_distinct():
    styles = {tuple(style(number)[key] for key in ("color", "linestyle")) for number in range(MOST_LINES)}
    assert len(styles) == MOST_LINES
    uncoloured = {tuple(style(number)[key] for key in ("linestyle", "marker")) for number in range(MOST_LINES)}
    assert len(uncoloured) == MOST_LINES


# All plots.


def test_plots_after_a_fit():
    x, y = binary_rows()
    run = Metrics(verbose=False)
    echo_model().fit(x, y, validation_data=(x, y), epochs=2, verbose=0, callbacks=[run])
    np.testing.assert_array_equal(run.history.plot_confusion().confusion_matrix, run.confusion[-1])
    drawn = run.history.plot(losses=True)
    assert list(drawn.scores) == ["f1", "precision", "recall", "kappa", "auc"]
    assert list(drawn.losses) == ["loss", "val_loss"]
    assert run.history.plot_roc().names == [f"class 1, auc {run.auc[-1]:.3f}"]


@pytest.mark.parametrize(
    ("make", "class_name"),
    [(binary_history, None), (lambda: multiclass_history(3, average=None), "1"), (lambda: labels_history(3), "1")],
)
def test_a_loaded_history_has_the_same_plots(make, class_name, tmp_path):
    live, *_ = make()
    live.save(tmp_path / "scores.json")
    loaded = ScoreHistory.load(tmp_path / "scores.json")
    for one, two in zip(*([*axes_of(history, class_name)] for history in (live, loaded)), strict=True):
        assert one.get_title() == two.get_title()
        assert [line.get_label() for line in one.get_lines()] == [line.get_label() for line in two.get_lines()]
        for line, same in zip(one.get_lines(), two.get_lines(), strict=True):
            np.testing.assert_allclose(line.get_xydata().astype(float), same.get_xydata().astype(float), atol=1e-12)
        assert texts(one.texts) == texts(two.texts)


def axes_of(history, class_name):
    """Yield the axes of every plot."""
    yield history.plot().ax_
    yield history.plot_confusion(normalize="true").ax_
    yield history.plot_roc([0, "best"]).ax_
    yield history.plot_precision_recall().ax_
    yield history.plot_threshold(0, class_name).ax_


def test_plots_use_the_given_axes_and_show_no_figure(monkeypatch):
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
def test_without_matplotlib_the_error_names_the_extra(draw, monkeypatch):
    history, *_ = binary_history()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "kerascb_metrics\[plot\]", or pip install matplotlib'):
        getattr(history, draw)()


@pytest.mark.parametrize("draw", ["plot_confusion", "plot_roc", "plot_precision_recall", "plot_threshold"])
def test_an_unscored_epoch_raises(draw):
    history, *_ = binary_history(epochs=2)
    with pytest.raises(ValueError, match=r"epoch 7 was not scored; the scored epochs are \[0, 1\]"):
        getattr(history, draw)(7)


def test_unknown_normalize_raises():
    history, *_ = binary_history()
    with pytest.raises(ValueError, match="normalize must be one of None, 'true', 'pred', 'all'; received 'rows'"):
        history.plot_confusion(normalize="rows")


@pytest.mark.parametrize("layout", ["constrained", "compressed"])
@pytest.mark.parametrize("names", [("f1", "auc"), ("a score with a very long name indeed", "another one of that kind")])
def test_in_narrow_axes_the_legend_is_below_and_nothing_is_cut(names, layout):
    history = ScoreHistory(dict.fromkeys(names, True))
    for epoch in range(4):
        history.append(epoch, dict.fromkeys(names, epoch / 4))
    figure, ax = plt.subplots(figsize=(4, 3), layout=layout)
    history.plot(ax=ax)
    figure.canvas.draw()
    legend = ax.get_legend().get_window_extent()
    assert legend.y1 < ax.get_window_extent().y0
    assert legend.y1 <= ax.xaxis.label.get_window_extent().y0 + 1
    assert legend.x0 >= 0
    assert legend.x1 <= figure.bbox.width
    assert legend.y0 >= 0
    assert ax.get_window_extent().width > 0.7 * figure.bbox.width
    plt.close(figure)
