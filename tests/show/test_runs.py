"""`compare_histories`: runs side by side, in a table and in a plot."""

import numpy as np
import pytest

from kerascb_metrics import ScoreHistory, compare_histories

RUNS = {"fold 1": [0.5, 0.75, 0.7], "fold 2": [0.55, 0.65], "fold 3": [float("nan"), 0.6, 0.4, 0.3]}


def history(values, name="f1", better=True, first=0):
    made = ScoreHistory({name: better})
    for epoch, value in enumerate(values, start=first):
        made.append(epoch, {name: value, "confusion": np.eye(2)})
    return made


@pytest.fixture
def compared():
    return compare_histories({name: history(values) for name, values in RUNS.items()})


def cells(table):
    """Name of a row → its numbers."""
    names = [*RUNS, "mean", "standard deviation", "a", "b", "c", "d", "run"]
    return {name: line[len(name) :].split() for line in table.splitlines() for name in names if line.startswith(name)}


def test_the_table_has_best_last_and_their_mean(compared):
    found = cells(compared.table("f1"))
    best, last = [0.75, 0.65, 0.6], [0.7, 0.65, 0.3]
    assert found["fold 1"] == ["0.7500", "1", "0.7000", "3"]
    assert found["fold 2"] == ["0.6500", "1", "0.6500", "2"]
    assert found["fold 3"] == ["0.6000", "1", "0.3000", "4"]
    assert found["mean"] == [f"{np.mean(values):.4f}" for values in (best, last)]
    assert found["standard deviation"] == [f"{np.std(values, ddof=1):.4f}" for values in (best, last)]
    assert str(compared) == compared.table()
    assert repr(compared) == "RunComparison(3 runs: fold 1, fold 2, fold 3)"


def test_less_may_be_better():
    found = compare_histories({"a": history([0.5, 0.4, 0.6], "mae", better=False)})
    assert cells(found.table())["a"] == ["0.4000", "1", "0.6000", "3"]
    assert "mean" not in found.table()  # of a single run


def test_epochs_are_those_of_the_runs():
    assert cells(compare_histories({"a": history([0.5, 0.4], first=7)}).table())["a"][1] == "7"


def test_a_run_without_the_score_has_no_value():
    runs = {"a": history([0.5]), "b": history([0.9], "auc"), "c": ScoreHistory(), "d": history([float("nan")])}
    found = cells(compare_histories(runs).table("f1"))
    assert found["b"] == found["d"] == ["–", "–", "–", "1"]
    assert found["c"] == ["–", "–", "–", "0"]
    assert found["mean"] == ["0.5000", "0.5000"]
    assert found["standard deviation"] == ["–", "–"]


def test_saved_runs_are_compared(tmp_path):
    for name in ("fold 1", "fold 2"):
        history(RUNS[name]).save(tmp_path / f"{name}.jsonl")
    loaded = {name: ScoreHistory.load(tmp_path / f"{name}.jsonl") for name in ("fold 1", "fold 2")}
    expected = compare_histories({name: history(RUNS[name]) for name in loaded}).table()
    assert compare_histories(loaded).table() == expected


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda runs: runs.table("zz"), KeyError, "no run has the score 'zz'; there are: f1"),
        (lambda runs: runs.table("confusion"), ValueError, "'confusion' is not one number per epoch"),
        (lambda runs: compare_histories({}), ValueError, "there is no run to compare"),
        (lambda runs: compare_histories([history([0.5])]), TypeError, "takes a dict"),
        (lambda runs: compare_histories(history([0.5])), TypeError, "takes a dict"),
        (lambda runs: compare_histories({"a": [0.5]}), TypeError, "'a' is not a ScoreHistory"),
        (lambda runs: compare_histories({"a": ScoreHistory()}).table(), ValueError, "no run has a score"),
        (
            lambda runs: compare_histories({"a": history([1.0]), "b": history([1.0], better=False)}).table(),
            ValueError,
            "better in some runs and worse in others",
        ),
        (lambda runs: compare_histories({"a": history([1.0], better=None)}).table("f1"), ValueError, "cannot tell"),
    ],
)
def test_mistakes(compared, ask, error, message):
    with pytest.raises(error, match=message):
        ask(compared)


def test_the_plot_has_a_line_for_each_run(compared):
    plt = pytest.importorskip("matplotlib.pyplot")
    display = compared.plot("f1")
    lines = [line for line in display.ax_.lines if line.get_linestyle() != "None"]
    for line, values in zip(lines, RUNS.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), range(len(values)))
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 3  # apart without colours
    rings = [line for line in display.ax_.lines if line.get_linestyle() == "None"]
    assert [ring.get_xydata().tolist() for ring in rings] == [[[1, 0.75]], [[1, 0.65]], [[1, 0.6]]]
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts[0] == "fold 1, best 0.75 in epoch 1"
    display.figure_.canvas.draw()
    legend, axes = (part.get_window_extent() for part in (display.ax_.get_legend(), display.ax_))
    assert legend.x0 >= axes.x1  # never over the lines
    plt.close("all")


def test_too_many_runs_are_refused():
    pytest.importorskip("matplotlib.pyplot")
    with pytest.raises(ValueError, match="received 29 lines"):
        compare_histories({str(number): history([0.5]) for number in range(29)}).plot()
