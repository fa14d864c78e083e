"""The tables of `print(metrics)`, `print(history)` and notebooks."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerascb_metrics import Metrics, ScoreHistory
from tests.support.models import echo_model
from tests.support.short_fits import binary, fit

NAN = float("nan")
HOSTILE = [
    "<script>alert(1)</script>", "</td></tr></table>", "<!--", "&lt;b&gt;", "&amp", '"><img src=x onerror=alert(1)>',
    "a\rb", "a\nb", "\x1b[2J", "\u202eabc", "\u2028", "\ud800", "a\x85b", "__proto__",
]  # fmt: skip


def history_of(greater_is_better=True, epochs=None, **values):
    history = ScoreHistory(dict.fromkeys(values, greater_is_better))
    for place in range(len(next(iter(values.values())))):
        epoch = place if epochs is None else epochs[place]
        history.append(epoch, {name: value[place] for name, value in values.items()})
    return history


def table_of(history):
    """What a notebook shows, without the picture beside the table."""
    return re.sub(r"<svg.*?</svg>", "", history._repr_html_(), flags=re.DOTALL)


class Cells(HTMLParser):
    """The rows of the first table, each a list of `(tag, text)`, and the text outside of the table."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.text, self.tags = [], "", []
        self.feed(html)
        assert not self.tags, f"left open: {self.tags}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append((tag, ""))

    def handle_endtag(self, tag):
        assert self.tags.pop() == tag

    def handle_data(self, data):
        if self.tags[-1] in ("th", "td"):
            self.rows[-1][-1] = (self.tags[-1], data)
        else:
            self.text += data


def test_the_best_epoch_is_marked():
    history = history_of(f1=[0.25, 0.625, 0.5], auc=[0.5, 0.75, 1.0], epochs=[1, 3, 5])
    assert str(history).splitlines() == [
        "epoch      f1     auc",
        "    1  0.2500  0.5000",
        "    3  0.6250  0.7500 *",
        "    5  0.5000  1.0000",
        "* best f1: 0.6250 in epoch 3",
    ]
    rows = Cells(history._repr_html_()).rows
    assert [[text for _, text in row] for row in rows] == [
        ["epoch", "f1", "auc"],
        ["1", "0.2500", "0.5000"],
        ["3 *", "0.6250", "0.7500"],
        ["5", "0.5000", "1.0000"],
    ]
    assert [{tag for tag, _ in row} for row in rows] == [{"th"}, {"td"}, {"th"}, {"td"}]  # th is bold
    assert Cells(table_of(history)).text == "* best f1: 0.6250 in epoch 3"


def test_lower_is_better_for_a_loss():
    assert "0.2500 *" in str(history_of(False, loss=[0.5, 0.25, 0.75]))


@pytest.mark.parametrize("values", [{"own": [0.5, 0.25]}, {"confusion": [np.eye(2), np.eye(2)]}])
def test_no_epoch_is_marked_without_a_best(values):
    history = history_of(None, **values)
    assert "*" not in str(history)
    assert "*" not in history._repr_html_()
    assert len(str(history).splitlines()) == 3


def test_matrices_and_values_per_class_are_not_columns():
    history = history_of(f1=[np.array([0.5, 1.0])], f1_a=[0.5], f1_b=[1.0], confusion=[np.eye(2)])
    assert str(history).splitlines()[0].split() == ["epoch", "f1_a", "f1_b"]


@pytest.mark.parametrize(
    ("best", "shown"),
    [
        (49, "0 1 2 3 4 … 45 46 47 48 49"),
        (20, "0 1 2 3 4 … 20 … 45 46 47 48 49"),
        (5, "0 1 2 3 4 5 … 45 46 47 48 49"),
        (44, "0 1 2 3 4 … 44 45 46 47 48 49"),
    ],
)
def test_a_long_run_is_shortened(best, shown):
    history = history_of(f1=[0.9 if epoch == best else 0.5 for epoch in range(50)])
    epochs = [line.split()[0] for line in str(history).splitlines()[1:-1]]
    assert " ".join(epochs) == shown
    rows = Cells(history._repr_html_()).rows[1:]
    assert [row[0][1].removesuffix(" *") for row in rows] == shown.split()
    assert [line for line in str(history).splitlines() if line.endswith(" *")] == [f"{best:5}  0.9000 *"]


def test_a_short_run_is_shown_whole():
    assert len(str(history_of(f1=[0.5] * 12)).splitlines()) == 14
    assert "…" not in str(history_of(f1=[0.5] * 12))


def test_a_wide_table_is_cut_with_a_note():
    history = history_of(**{f"f1_class_{place}": [0.5, 0.25] for place in range(100)})
    *lines, note = str(history).splitlines()
    assert max(map(len, lines)) <= 110
    shown = len(lines[0].split()) - 1
    assert note == f"{100 - shown} more scores: .to_frame() has all"
    assert len(str(history_of(**{"a" * 300: [0.5], "b": [0.5]})).splitlines()[0].split()) == 2  # at least one


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0.0000"),
        (NAN, "nan"),
        (float("-inf"), "-inf"),
        (-0.25, "-0.2500"),
        (0.99999, "1.0000"),
        (1e-5, "1.000e-05"),
        (-123456.0, "-1.235e+05"),
        (99.5, "99.5000"),
    ],
)
def test_numbers(value, shown):
    assert str(history_of(None, own=[value])).splitlines()[1].split() == ["0", shown]


def test_names_are_escaped_and_stay_on_their_line():
    name = '<script>alert("1")</script>&\n\x1b[31m'
    history = history_of(**{name: [0.5]})
    html = history._repr_html_()
    assert "<script" not in html
    assert Cells(html).rows[0][1] == ("th", name)
    assert Cells(html).text.startswith(f"* best {name}:")
    assert "\x1b" not in str(history)
    assert len(str(history).splitlines()) == 3


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(), max_size=8) | st.sampled_from(HOSTILE), min_size=1, max_size=5, unique=True))
def test_every_name_stays_in_its_cell(names):
    history = history_of(**{name: [0.25, 0.5] for name in names})
    table = Cells(table_of(history).replace("\r", "↵"))
    assert [text for _, text in table.rows[0][1:]] == [name.replace("\r", "↵") for name in names]
    assert [len(row) for row in table.rows] == [len(names) + 1] * 3
    assert table.text == f"* best {names[0]}: 0.5000 in epoch 1".replace("\r", "↵")
    lines = str(history).splitlines()
    assert len(lines) == 4
    assert all(character.isprintable() for line in lines for character in line)
    assert repr(history).isprintable()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_metrics_without_epochs_stays_in_its_line_and_cell(name):
    metrics = Metrics({name: "f1"})
    assert Cells(metrics._repr_html_()).text == repr(metrics)
    assert str(metrics).startswith(repr(metrics))
    assert str(metrics).isprintable()


def test_invalid_epochs_are_escaped_too():
    history = history_of(f1=[0.5], epochs=["<script>"])
    assert Cells(history._repr_html_()).rows[1][0][1] == "<script> *"


def test_a_metrics_shows_its_history():
    metrics = binary()
    fit(echo_model(), metrics, epochs=2)
    assert str(metrics) == str(metrics.history)
    assert metrics._repr_html_() == metrics.history._repr_html_()
    assert re.search(r"^    0  0\.\d{4} .* \*$", str(metrics), flags=re.MULTILINE)
    assert repr(metrics) == "Metrics(val_…: f1, precision, recall, kappa, auc, confusion; 2 epochs)"


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        (Metrics(), "Metrics(val_…: f1, precision, recall, kappa, auc, confusion; 0 epochs)"),
        (Metrics({"a": ["f1"], "b": None}), "Metrics(val_…: scores by output; 0 epochs)"),
        (
            Metrics({"<b>": "f1"}, validation_data=(np.zeros((9, 1)), np.zeros(9)), prefix="test_"),
            "Metrics(test_…: <b>; 0 epochs)",
        ),
    ],
)
def test_before_a_fit(metrics, shown):
    assert repr(metrics) == shown
    assert str(metrics) == f"{shown}, a callback: pass it to fit(callbacks=[…])"
    assert Cells(metrics._repr_html_()).text == shown
    assert ScoreHistory()._repr_html_() == "<code>ScoreHistory(0 epochs: no scores)</code>"
    assert str(ScoreHistory()) == "ScoreHistory(0 epochs: no scores)"
