"""The count tables: exact, whatever the dtype and the number of classes; and the same to scikit-learn as the rows."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from kerascb_metrics import Binary, Multiclass, Multilabel
from kerascb_metrics.score.functions import COUNTED, COUNTED_BY_LABEL
from kerascb_metrics.score.kappa import kappa_of
from kerascb_metrics.score.score import Undefined
from kerascb_metrics.score.scoring import Scoring
from kerascb_metrics.tally import sample_cells
from kerascb_metrics.tally.counts import label_tables, single_cells
from kerascb_metrics.tally.exact import Counts
from tests.support.arrays import assert_same, read

RNG = np.random.default_rng(0)
N = 200
P1 = RNG.random(N).astype("float32")
P5 = RNG.dirichlet(np.ones(5), N).astype("float32")
PL = RNG.random((N, 4)).astype("float32")
BINARY = (RNG.random(N) < P1).astype(int), (P1 > 0.5).astype(int)
MULTICLASS = RNG.integers(0, 5, N), P5.argmax(axis=1)
MULTILABEL = (RNG.random((N, 4)) < PL).astype(int), (PL > 0.5).astype(int)
WEIGHTS = {"none": None, "random": RNG.random(N) * 3, "zeros": RNG.random(N) * RNG.integers(0, 2, N)}
OPTIONS = {
    metrics.accuracy_score: [{}, {"normalize": False}],
    metrics.balanced_accuracy_score: [{}, {"adjusted": True}],
    metrics.cohen_kappa_score: [{}, {"weights": "linear"}, {"weights": "quadratic"}],
    metrics.confusion_matrix: [{}, {"normalize": "true"}, {"labels": [1, 0]}],
    metrics.hamming_loss: [{}],
    metrics.matthews_corrcoef: [{}],
    metrics.zero_one_loss: [{}, {"normalize": False}],
    metrics.fbeta_score: [
        {"beta": beta, "average": of} for beta in (0.5, 2) for of in ("micro", "macro", "weighted", None)
    ],
    **{
        function: [{"average": of} for of in ("micro", "macro", "weighted", None)]
        + [{"average": "macro", "labels": [1, 0]}]
        for function in (metrics.f1_score, metrics.jaccard_score, metrics.precision_score, metrics.recall_score)
    },
}
CALLS = [(function, options) for function, several in OPTIONS.items() for options in several]
BINARY_CALLS = [
    (metrics.f1_score, {}),
    (metrics.f1_score, {"pos_label": 0}),
    (metrics.jaccard_score, {}),
    (metrics.precision_score, {"pos_label": 0}),
    (metrics.recall_score, {"average": "binary"}),
    (metrics.fbeta_score, {"beta": 3}),
]


def tolerance(function):
    return 1e-7 if function in (metrics.matthews_corrcoef, metrics.cohen_kappa_score) else 1e-12


def value_of(function, tally):
    scores = Scoring({"value": function}).score(tally)
    assert scores.errors == {}
    return scores.values["value"]


def test_every_counted_function_is_tried_here():
    assert set(OPTIONS) == COUNTED
    assert set(COUNTED_BY_LABEL) <= COUNTED


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(("function", "options"), CALLS + BINARY_CALLS)
def test_counts_are_to_scikit_learn_as_the_rows_binary(function, options, weights):
    tally = read(Binary(), BINARY[0], P1, sample_weight=WEIGHTS[weights])
    expected = function(*BINARY, sample_weight=WEIGHTS[weights], **options)
    assert_same(value_of(functools.partial(function, **options), tally), expected, tolerance(function))


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(("function", "options"), CALLS)
def test_counts_are_to_scikit_learn_as_the_rows_multiclass(function, options, weights):
    tally = read(Multiclass(), MULTICLASS[0], P5, sample_weight=WEIGHTS[weights])
    expected = function(*MULTICLASS, sample_weight=WEIGHTS[weights], **options)
    assert_same(value_of(functools.partial(function, **options), tally), expected, tolerance(function))


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "samples", None])
@pytest.mark.parametrize("function", sorted(COUNTED_BY_LABEL, key=lambda function: function.__name__))
def test_label_cells_are_to_scikit_learn_as_the_rows(function, average, weights):
    options = {"average": average, "zero_division": 0.0}
    if function is metrics.fbeta_score:
        options["beta"] = 2
    tally = read(Multilabel(), MULTILABEL[0], PL, sample_weight=WEIGHTS[weights])
    expected = function(*MULTILABEL, sample_weight=WEIGHTS[weights], **options)
    assert_same(value_of(functools.partial(function, **options), tally), expected)


def test_the_labels_of_the_targets_reach_the_counted_functions():
    task = Multiclass(labels=[10, -20, 30, 40, 50])
    labels = np.array(task.labels)
    y_true, y_pred = labels[MULTICLASS[0]], labels[MULTICLASS[1]]
    f1_of = functools.partial(metrics.f1_score, labels=[-20, 50], average=None)
    assert_same(value_of(f1_of, read(task, y_true, P5)), f1_of(y_true, y_pred))
    kappa = functools.partial(
        metrics.cohen_kappa_score, weights="linear"
    )  # by the order of the labels, not of the columns
    assert_same(value_of(kappa, read(task, y_true, P5)), kappa(y_true, y_pred), 1e-7)


def test_the_counted_path_is_taken_and_can_be_told_apart():
    sizes = []

    def spying(y_true, y_pred, sample_weight=None):
        sizes.append(len(y_true))
        return 0.0

    value_of(spying, read(Multiclass(), MULTICLASS[0], P5))
    assert sizes == [N], "a user's function gets every row"
    wrong = metrics.f1_score(*MULTICLASS, average="macro") + 1e-6
    with pytest.raises(AssertionError):
        assert_same(
            value_of(functools.partial(metrics.f1_score, average="macro"), read(Multiclass(), MULTICLASS[0], P5)), wrong
        )


# The tables.


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 300),
    n_classes=st.sampled_from([2, 3, 10, 200, 2048, 2049, 3000, 70_000]),
    dtypes=st.sampled_from([("int64", "int64"), ("uint16", "int32"), ("int32", "uint16"), ("float32", "int64")]),
    weighted=st.booleans(),
)
def test_counts_of_any_number_of_classes(seed, rows, n_classes, dtypes, weighted):
    rng = np.random.default_rng(seed)
    n_used = min(n_classes, 20)
    used = rng.choice(min(n_classes, 60_000), n_used, replace=False)
    y_true, y_pred = used[rng.integers(0, n_used, (2, rows))]
    weight = rng.random(rows) * rng.integers(0, 2, rows) if weighted else None
    if weighted:
        weight[0] = 0.5  # scikit-learn refuses weights that are all zero
    counts = Counts.of(y_true.astype(dtypes[0]), y_pred.astype(dtypes[1]), n_classes, weight)
    used.sort()
    expected = metrics.confusion_matrix(y_true, y_pred, labels=used, sample_weight=weight)
    found = np.zeros_like(expected, dtype=float)
    found[np.searchsorted(used, counts.y_true), np.searchsorted(used, counts.y_pred)] = counts.weight
    assert_same(found, expected)
    assert len(set(zip(counts.y_true.tolist(), counts.y_pred.tolist(), strict=True))) == len(counts.weight)
    # A cell occurs if a row has it, of whatever weight.
    assert len(counts.weight) == len(set(zip(y_true.tolist(), y_pred.tolist(), strict=True)))
    assert counts.weight.dtype == (np.float64 if weighted else np.int64)
    if n_classes <= 3000:
        assert counts.matrix().shape == (n_classes, n_classes)
        assert_same(counts.matrix()[np.ix_(used, used)], expected)


@pytest.mark.parametrize("table", [[[3, 1], [0, 5]], [[0, 2], [0.5, 0]], [[0, 0], [0, 1]]])
def test_the_cells_of_a_single_label_make_its_table(table):
    y_true, y_pred, weight = single_cells(np.array(table))
    assert (weight > 0).all()
    assert_same(metrics.confusion_matrix(y_true, y_pred, labels=[0, 1], sample_weight=weight), table)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("n_classes", [5, 3000])
def test_counts_of_two_parts_add_up_to_those_of_all_rows(n_classes, weights):
    y_true, y_pred = MULTICLASS
    weight = WEIGHTS[weights]
    parts = [
        Counts.of(y_true[rows], y_pred[rows], n_classes, None if weight is None else weight[rows])
        for rows in (slice(30), slice(30, None))  # the first lacks some cells
    ]
    found = parts[0] + parts[1]
    assert found.weight.dtype == (np.int64 if weight is None else np.float64)
    assert len(found.weight) == len(set(zip(y_true.tolist(), y_pred.tolist(), strict=True)))
    assert found.matrix().shape == (n_classes, n_classes)
    assert_same(found.matrix()[:5, :5], metrics.confusion_matrix(y_true, y_pred, sample_weight=weight))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "float16"])
def test_small_target_dtypes_do_not_overflow(dtype):
    n_classes = 100
    y_true = np.arange(n_classes)
    tally = read(Multiclass(), y_true.astype(dtype), np.eye(n_classes, dtype="float32"))
    assert np.array_equal(tally.counts.matrix(), np.eye(n_classes))


def test_thousands_of_classes_are_scored():
    n_classes = 2100
    y_true = RNG.integers(0, n_classes, 400)
    p = np.full((400, n_classes), 0.0001, "float32")
    p[np.arange(400), np.where(RNG.random(400) < 0.5, y_true, RNG.integers(0, n_classes, 400))] = 0.5
    scores = Scoring(["f1", "kappa", "accuracy"]).score(read(Multiclass(), y_true, p))
    y_pred = p.argmax(axis=1)
    assert_same(scores.values["f1"], metrics.f1_score(y_true, y_pred, average="macro", zero_division=0))
    assert_same(scores.values["kappa"], metrics.cohen_kappa_score(y_true, y_pred), 1e-7)
    assert_same(scores.values["accuracy"], metrics.accuracy_score(y_true, y_pred))


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_weights_are_summed_in_float64(task):
    weight = np.full(1000, 0.1, "float32")
    weight[0] = 2**25  # a float32 sum would stand still here
    exact = 2**25 + 999 * float(np.float32(0.1))
    if task == "binary":
        tables = [read(Binary(), np.ones(1000, int), np.full(1000, 0.9), sample_weight=weight).counts.matrix()]
    else:
        p = np.full((1000, 3), 0.9)
        tables = read(Multilabel(), np.ones((1000, 3), int), p, sample_weight=weight).label_tables
    for table in tables:
        assert_same(table[1, 1], exact, 1e-6)


def test_counts_without_weights_are_integers():
    assert read(Binary(), *(BINARY[0], P1)).counts.matrix().dtype == np.int64
    assert read(Multilabel(), MULTILABEL[0], PL).label_tables.dtype == np.int64
    assert np.array_equal(
        read(Multilabel(), MULTILABEL[0], PL).label_tables, metrics.multilabel_confusion_matrix(*MULTILABEL)
    )


@pytest.mark.parametrize("left_out", [False, True], ids=["all elements", "some left out"])
@pytest.mark.parametrize("weights", ["none", "of rows", "of elements"])
def test_tables_of_labels_are_scikit_learns_in_one_block_of_rows_and_in_two(weights, left_out):
    rng, count = np.random.default_rng(0), 70_000
    y_true, y_pred = rng.random((2, count, 3)) < 0.4
    weight = {"none": None, "of rows": rng.random(count), "of elements": rng.random((count, 3))}[weights]
    present = rng.random((count, 3)) < 0.8 if left_out else None
    for rows in (slice(200), slice(None)):
        own = None if weight is None else weight[rows]
        found = label_tables(y_true[rows], y_pred[rows], own, None if present is None else present[rows])
        for label in range(3):
            kept = np.ones(count, bool)[rows] if present is None else present[rows, label]
            of_label = None if own is None else (own if own.ndim == 1 else own[:, label])[kept]
            pair = y_true[rows][kept, label], y_pred[rows][kept, label]
            expected = metrics.confusion_matrix(*pair, labels=[False, True], sample_weight=of_label)
            np.testing.assert_allclose(found[label], expected, rtol=1e-12)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("pairs", [BINARY, MULTICLASS], ids=["binary", "multiclass"])
def test_kappa_of_a_table_is_scikit_learns(pairs, weights):
    """Also where classes do not occur, and where one class is all that is predicted."""
    weight = WEIGHTS[weights]
    tenth = (np.arange(N) % 10 == 3).astype(int)
    for y_true, y_pred in (pairs, (pairs[0], np.zeros(N, int)), (tenth, np.zeros(N, int))):
        table = Counts.of(y_true, y_pred, 9, weight).matrix()
        expected = metrics.cohen_kappa_score(y_true, y_pred, sample_weight=weight)
        assert kappa_of(table, np.arange(9)) == pytest.approx(expected, abs=1e-12)


def test_kappa_of_one_class_is_undefined():
    for table in (np.zeros((3, 3)), np.diag([0, 5, 0])):
        with pytest.raises(Undefined):
            kappa_of(table, np.arange(3))


@pytest.mark.parametrize("classes", [2, 20, 300])
def test_many_rows_of_each_number_are_counted_in_the_same_way(classes, monkeypatch):
    rng = np.random.default_rng(0)
    numbers = np.sort(rng.integers(0, 4, 9_000))
    numbers[numbers == 2] = 3  # one without rows
    y_true, y_pred = rng.integers(0, classes, (2, 9_000)).astype("uint16")
    tables = sample_cells.tables_by_number(y_true, y_pred, numbers, 4, classes)
    monkeypatch.setattr(sample_cells, "_MANY_ROWS", 1 << 40)
    np.testing.assert_array_equal(tables, sample_cells.tables_by_number(y_true, y_pred, numbers, 4, classes))
    assert tables.sum() == 9_000
    assert not tables[2].any()
    weight = rng.random(9_000)
    monkeypatch.undo()
    for number, table in enumerate(sample_cells.tables_by_number(y_true, y_pred, numbers, 4, classes, weight)):
        own = numbers == number
        if own.any():
            pair = y_true[own], y_pred[own]
            assert_same(table, metrics.confusion_matrix(*pair, labels=range(classes), sample_weight=weight[own]), 1e-9)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_the_cells_of_each_sample_are_scikit_learns_whether_or_not_there_is_memory_for_matrices(weights, monkeypatch):
    y_true, y_pred = MULTICLASS  # of the sixth class there is no row
    numbers, weight = np.arange(N) * 7 // N, WEIGHTS[weights]
    whole = sample_cells.cells_by_number(y_true, y_pred, numbers, 7, 6, weight)
    monkeypatch.setattr(sample_cells, "_DENSE_CELLS", 0)
    for found in (whole, sample_cells.cells_by_number(y_true, y_pred, numbers, 7, 6, weight)):
        for sample, (tp, fp, fn, tn) in enumerate(found):
            own = numbers == sample
            expected = metrics.multilabel_confusion_matrix(
                y_true[own], y_pred[own], labels=range(6), sample_weight=None if weight is None else weight[own]
            )
            assert_same(np.stack([tn, fp, fn, tp], axis=1).reshape(6, 2, 2), expected)


@pytest.mark.parametrize("samples", [8, 9, 33])
def test_neighbouring_samples_are_joined_until_there_are_few_enough(samples, monkeypatch):
    monkeypatch.setattr(sample_cells, "_MOST_SAMPLES", 8)
    cells = np.random.default_rng(0).integers(0, 9, (samples, 4, 3)).astype(float)
    joined = sample_cells.joined(cells)
    assert len(joined) == {8: 8, 9: 5, 33: 5}[samples]
    np.testing.assert_array_equal(joined.sum(axis=0), cells.sum(axis=0))
    np.testing.assert_array_equal(joined[0], cells[: {8: 1, 9: 2, 33: 8}[samples]].sum(axis=0))


@pytest.mark.parametrize("order", ["in long runs", "in long runs and one row", "in short runs", "mixed"])
def test_cells_of_samples_of_which_one_has_no_rows(order):
    rng = np.random.default_rng(0)
    numbers = np.sort(rng.integers(0, 400 if order == "in short runs" else 4, 9_000))
    numbers[1:] = rng.permutation(numbers[1:]) if order == "mixed" else numbers[1:]  # the first remains the lowest
    numbers[numbers == 2] = 3  # sample 2 has no rows
    numbers[-1] = 4 if order == "in long runs and one row" else numbers[-1]
    y_true, p = rng.integers(0, 3, 9_000), rng.dirichlet(np.ones(3), 9_000)
    expected = []
    for number in np.unique(numbers):
        own = numbers == number
        table = metrics.confusion_matrix(y_true[own], p[own].argmax(axis=1), labels=range(3))
        tp = np.diag(table)
        fp, fn = table.sum(axis=0) - tp, table.sum(axis=1) - tp
        expected.append([tp, fp, fn, table.sum() - tp - fp - fn])
    cells = sample_cells.cells_of_samples(read(Multiclass(), y_true, p), numbers)
    np.testing.assert_array_equal(cells, expected)
