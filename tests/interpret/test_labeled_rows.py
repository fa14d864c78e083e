"""Rows as a task reads them: how they become labels, and what is left of them when some, or one column, are taken."""

import numpy as np
import pytest

from kerascb_metrics.interpret.labeled_rows import LabeledRows, Labeling

RNG = np.random.default_rng(60)
KINDS = ("binary", "multiclass", "multilabel", "ordinal", "regression")
SCALES = ("probability", "logit", "margin")


@pytest.mark.parametrize("kind", KINDS)
def test_which_outputs_are_probabilities_or_become_some(kind):
    found = [(Labeling(kind, scale).has_proba, Labeling(kind, scale).score_scale) for scale in SCALES]
    ranked = kind not in ("ordinal", "regression")
    logits = "probability" if kind == "multiclass" else "logit"
    assert found == [(ranked, "probability"), (ranked, logits), (False, "margin")]


@pytest.mark.parametrize(
    ("labeling", "outputs", "labels"),
    [
        (Labeling("binary", threshold=0.5), [0.4, 0.5, 0.6], [False, False, True]),
        (Labeling("binary", "logit", threshold=-1.0), [-1.5, -1.0, 0.0], [False, False, True]),
        (
            Labeling("multilabel", threshold=np.array([0.2, 0.8])),
            [[0.3, 0.7], [0.2, 0.9]],
            [[True, False], [False, True]],
        ),
        (Labeling("multiclass"), [[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]], [1, 0]),
        (Labeling("ordinal"), [[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]], [1, 2]),
        (Labeling("ordinal", classes=np.array([0.0, 1.0, 3.0])), [-5.0, 0.5, 0.6, 2.0, 2.1, 9.0], [0, 0, 1, 1, 2, 2]),
        (Labeling("regression"), [1.5, -2.0], [1.5, -2.0]),
        (Labeling("regression"), [[1.5, -2.0]], [[1.5, -2.0]]),
    ],
)
def test_outputs_become_labels_unless_the_device_has_made_them(labeling, outputs, labels):
    rows = LabeledRows(labeling, np.zeros(len(labels)), np.array(outputs))
    assert rows.labels.tolist() == labels
    assert len(rows) == len(labels)
    made = LabeledRows(labeling, np.zeros(len(labels)), np.array(labels), labelled=True)
    assert made.labels is made.outputs


def rows_with(weight=None, present=None, kept=None):
    return LabeledRows(
        Labeling("multilabel", threshold=0.5),
        RNG.integers(0, 2, (6, 3)).astype(bool),
        RNG.random((6, 3)),
        {None: None, "rows": RNG.random(6), "elements": RNG.random((6, 3))}[weight],
        "why",
        None if present is None else RNG.random((6, 3)) < 0.6,
        None if kept is None else np.array([True, False, True, True, False, True, True, True]),
        labelled=True,
    )


CASES = [
    (weight, present, kept) for weight in (None, "rows", "elements") for present in (None, 1) for kept in (None, 1)
]


@pytest.mark.parametrize(("weight", "present", "kept"), CASES)
def test_some_of_the_rows_have_all_that_belongs_to_them(weight, present, kept):
    rows = rows_with(weight, present, kept)
    assert rows.by_element == (weight == "elements" or present is not None)
    selected = np.array([True, False, False, True, True, False])
    positions = np.flatnonzero(np.ones(6, bool) if rows.kept is None else rows.kept)[selected]
    for numbers, found in (
        (np.flatnonzero(selected), rows.select(selected)),
        (np.array([5, 0, 5]), rows.take(np.array([5, 0, 5]))),
    ):
        assert found.labeling is rows.labeling
        assert (found.undefined, found.labelled) == ("why", True)
        for name in ("y_true", "outputs", "sample_weight", "present"):
            own, theirs = getattr(found, name), getattr(rows, name)
            assert own is theirs is None or np.array_equal(own, theirs[numbers])
    assert np.flatnonzero(rows.select(selected).kept).tolist() == positions.tolist()
    assert len(rows.select(selected).kept) == (6 if kept is None else 8)
    assert rows.take(np.array([0])).kept is None


@pytest.mark.parametrize(("weight", "present", "kept"), CASES)
@pytest.mark.parametrize("index", [0, 2])
def test_a_column_has_the_rows_of_its_own_elements(index, weight, present, kept):
    rows = rows_with(weight, present, kept)
    column = rows.column(index)
    there = np.ones(6, bool) if rows.present is None else rows.present[:, index]
    assert column.labeling is rows.labeling
    assert column.undefined == "why"
    assert column.y_true.tolist() == rows.y_true[there, index].tolist()
    assert column.outputs.tolist() == rows.outputs[there, index].tolist()
    assert column.present is column.kept is None
    if weight is None:
        assert column.sample_weight is None
    else:
        own = rows.sample_weight if weight == "rows" else rows.sample_weight[:, index]
        assert column.sample_weight.tolist() == own[there].tolist()
