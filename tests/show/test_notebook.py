"""What a notebook shows: a table and static pictures, small, escaped, and at the right place."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from kerascb_metrics import Metrics, ScoreHistory
from kerascb_metrics.show.inline_svg import Line, line_chart
from tests.support.histories import binary_history, labels_history, multiclass_history

LIMIT = 50 << 10


def history_of(**scores):
    history = ScoreHistory(dict.fromkeys(scores, True))
    for epoch, values in enumerate(zip(*scores.values(), strict=True)):
        history.append(epoch, dict(zip(scores, values, strict=True)))
    return history


def charts_of(shown):
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", shown, re.DOTALL)]


def texts_of(chart):
    return [element.text for element in chart.iter() if element.tag.endswith("text")]


def long_history():
    rng = np.random.default_rng(0)
    return history_of(**{f"score number {number}": rng.random(3000) for number in range(9)})


def scores_of(n_classes):
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, n_classes, 5000)
    return Metrics(["f1", "auc"], task="multiclass").score(y_true, rng.dirichlet(np.ones(n_classes), 5000))


SHOWN = {
    "a run": lambda: (binary_history(8)[0], 1),
    "a run of classes": lambda: (multiclass_history(12)[0], 1),
    "a run of labels": lambda: (labels_history(3)[0], 1),
    "a long run": lambda: (long_history(), 1),
    "one epoch": lambda: (history_of(f1=[0.5]), 1),
    "an epoch": lambda: (binary_history(3)[0].at("best"), 2),
    "an epoch of classes": lambda: (multiclass_history(12)[0].at("last"), 2),
    "many classes": lambda: (scores_of(50), 2),
    "numbers": lambda: (Metrics(task="regression").score([1.0, 2.0, 4.0], [1.0, 2.5, 3.0]), 0),
    "nothing but nan": lambda: (history_of(f1=[np.nan, np.nan]), 0),
    "nothing but a matrix": lambda: (history_of(confusion=[np.eye(2)]), 0),
}


@pytest.mark.parametrize("case", SHOWN)
def test_it_is_small_and_has_no_script(case):
    result, charts = SHOWN[case]()
    shown = result._repr_html_()
    assert len(shown.encode()) < LIMIT
    assert len(charts_of(shown)) == charts
    assert "<script" not in shown
    assert "<table" in shown
    assert not re.search(r"(href|src|url)\s*[=(]", shown)
    assert "nan" not in "".join(re.findall(r' d="[^"]*"', shown))


def test_every_name_is_escaped():
    name = '</svg><script>alert(1)</script> & "quotes"'
    shown = history_of(**{name: [0.5, 0.75]})._repr_html_()
    assert "<script" not in shown
    (chart,) = charts_of(shown)
    assert any(text.startswith("</svg><script>") for text in texts_of(chart))
    task = multiclass_history(3, class_names=["<b>", "&", "</text>"])[0].at("last")
    assert "class </text>" in texts_of(charts_of(task._repr_html_())[0])


def test_the_best_epoch_has_a_ring_at_its_place():
    shown = history_of(f1=[0.0, 1.0, 0.5])._repr_html_()
    (chart,) = charts_of(shown)
    (ring,) = [element for element in chart.iter() if element.tag.endswith("circle")]
    line, _ = [element for element in chart.iter() if element.get("stroke-width") == "1.8"]  # and that of the legend
    points = re.findall(r"[ML]([\d.]+) ([\d.]+)", line.get("d"))
    assert (ring.get("cx"), ring.get("cy")) == points[1]
    heights = [float(y) for _, y in points]
    assert heights[2] == pytest.approx((heights[0] + heights[1]) / 2, abs=0.1)
    assert texts_of(chart)[-3] == "f1, best 1.0000 in epoch 1"


def test_a_score_that_is_missing_leaves_a_gap():
    gap = line_chart([Line("f1", np.arange(5.0), np.array([0.1, 0.2, np.nan, 0.4, 0.5]))], "epoch", "score")
    (path,) = re.findall(r'd="(M[^"HVh]*L[^"HVh]*)"', gap)
    assert path.count("M") == 2
    assert path.count("L") == 2


def test_classes_and_scores_beyond_seven_are_counted():
    assert "5 more classes" in multiclass_history(12)[0].at("last")._repr_html_()
    assert "2 more scores: history.plot([…])" in long_history()._repr_html_()


def test_values_of_classes_and_groups_and_of_other_magnitudes_have_no_line():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 2, 50), rng.random(50)
    metrics = Metrics(["f1"], task="binary", per_class=True)
    history = ScoreHistory({"f1": True, "rmse": False})
    history.settings.update(scoring=["f1", "rmse"], per_class=True)
    for epoch in range(2):
        history.append(epoch, {**metrics.score(y_true, y_pred), "rmse": 1000.0 + epoch})
    (chart,) = charts_of(history._repr_html_())
    assert [text for text in texts_of(chart) if "best" in text] == [f"f1, best {history['f1'][0]:.4f} in epoch 0"]
