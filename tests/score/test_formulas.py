"""The formulas on the count table return the bits of scikit-learn's functions, called here on the weighted cells."""

import functools
import itertools

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from kerascb_metrics.interpret.labeled_rows import Labeling
from kerascb_metrics.score.averaged import mcc, weighted_kappa
from kerascb_metrics.score.functions import run_function
from kerascb_metrics.score.panel import f1, kappa, precision, recall
from kerascb_metrics.score.precision_recall_f1 import precision_recall_f1
from kerascb_metrics.score.score import Options, Undefined
from kerascb_metrics.tally.counts import Counts, label_cells
from kerascb_metrics.tally.streaming import StreamingTally
from tests.support.arrays import assert_same

# The releases whose order of operations the formulas have; in others it may differ by a rounding.
SAME_BITS = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)
ZERO_DIVISIONS = [0.0, 1.0, np.nan]
AVERAGES = ["micro", "macro", "weighted", None]
TABLES_2X2 = np.array(list(itertools.product(range(13), repeat=4)))[1:].reshape(-1, 2, 2)  # but for that without rows
RNG = np.random.default_rng(7)


def assert_same_bits(ours, theirs):
    """On older releases of scikit-learn, the same within 1e-12."""
    assert_same(ours, theirs, 0 if SAME_BITS else 1e-12)


def tally_of(matrix, kind="multiclass", classes=None, pos_index=1, every_cell=False):
    """The tally of a C × C table; cells that no row has do not occur, if `every_cell` does not say so."""
    n_classes = len(matrix)
    cells = np.arange(n_classes**2) if every_cell else np.flatnonzero(matrix)
    counts = Counts(cells // n_classes, cells % n_classes, matrix.ravel()[cells], n_classes)
    classes = np.arange(n_classes) if classes is None else np.asarray(classes)
    return StreamingTally(labeling(kind, classes, pos_index), total=1, summed=counts, not_finite=None)


def tally_of_labels(tables):
    return StreamingTally(labeling("multilabel", np.arange(len(tables)), 1), total=1, summed=tables, not_finite=None)


def labeling(kind, classes, pos_index):
    names = tuple(map(str, classes.tolist()))
    threshold = 0.5 if kind in ("binary", "multilabel") else None
    return Labeling(kind, threshold=threshold, classes=classes, class_names=names, pos_index=pos_index)


def theirs(cells, **options):
    y_true, y_pred, weight = cells
    return metrics.precision_recall_fscore_support(y_true, y_pred, sample_weight=weight, **options)[:3]


def our_three(tally, average, zero_division):
    """What the panel returns, without the cause where a class is undefined."""
    return tuple(value_of(score, tally, Options(average, zero_division)) for score in (precision, recall, f1))


def value_of(score, tally, options):
    try:
        return score(tally, options)
    except Undefined as error:
        return error.value


def check_binary(matrix, zero_division):
    """Compare everything that a binary table has."""
    for pos_index, classes in ((1, None), (0, [3, 8])):
        tally = tally_of(matrix, "binary", classes, pos_index)
        label = tally.classes[pos_index]
        expected = theirs(tally.cells, average="binary", pos_label=label, zero_division=zero_division)
        assert_same_bits(our_three(tally, "auto", zero_division), expected)
    for average in AVERAGES:
        check_classes(tally_of(matrix), average, zero_division)
    check_whole_table(tally_of(matrix))


def check_classes(tally, average, zero_division):
    labels = tally.codes if average is None else None
    expected = theirs(tally.cells, average=average, labels=labels, zero_division=zero_division)
    assert_same_bits(our_three(tally, average, zero_division), expected)


def check_kappa(tally):
    """Compare kappa; where all rows are of one class, it is undefined."""
    y_true, y_pred, weight = tally.cells
    if len(np.unique(np.concatenate([y_true[weight > 0], y_pred[weight > 0]]))) == 1:
        with pytest.raises(Undefined, match="all of one class"):
            kappa(tally)
    else:
        assert_same_bits(kappa(tally), metrics.cohen_kappa_score(y_true, y_pred, sample_weight=weight))


def check_whole_table(tally):
    """Compare the scores of whole tables."""
    check_kappa(tally)
    y_true, y_pred, weight = tally.cells
    if len(np.unique([y_true, y_pred])) == 1:
        return
    assert_same_bits(mcc(tally), metrics.matthews_corrcoef(y_true, y_pred, sample_weight=weight))
    for weights in ("linear", "quadratic"):
        own = {"labels": np.sort(tally.codes), "weights": weights, "sample_weight": weight}
        assert_same_bits(weighted_kappa(tally, weights), metrics.cohen_kappa_score(y_true, y_pred, **own))


def test_some_small_tables():
    for matrix, zero_division in zip(RNG.choice(TABLES_2X2, 70), itertools.cycle(ZERO_DIVISIONS), strict=False):
        check_binary(matrix, zero_division)


@pytest.mark.simulation
def test_every_small_table():
    """Both classes and kappa of each table, and of one in five an average, in turn: a minute."""
    averages = itertools.cycle(AVERAGES[:-1])
    for number, matrix in enumerate(TABLES_2X2):
        divides_by_zero = not (matrix.any(axis=0).all() and matrix.any(axis=1).all())
        for zero_division in ZERO_DIVISIONS if divides_by_zero else ZERO_DIVISIONS[:1]:
            check_classes(tally_of(matrix), None, zero_division)
            if divides_by_zero or number % 5 == 0:
                check_classes(tally_of(matrix), next(averages), zero_division)
        check_kappa(tally_of(matrix))


@pytest.mark.parametrize("zero_division", ZERO_DIVISIONS)
@pytest.mark.parametrize(
    "matrix",
    [[[0, 0], [0, 5]], [[5, 0], [0, 0]], [[0, 5], [0, 0]], [[0, 0], [5, 0]], [[0, 3], [5, 0]], [[0, 3], [0, 5]]],
)
def test_tables_with_empty_cells(matrix, zero_division):
    check_binary(np.array(matrix), zero_division)


@pytest.mark.parametrize("scale", [100, 10**6, 10**12, 2**52])
def test_large_tables(scale):
    for zero_division in ZERO_DIVISIONS:
        matrix = RNG.integers(0, scale, (2, 2))
        check_binary(matrix if SAME_BITS else matrix.astype(float), zero_division)  # older kappas overflow integers


def random_table(rng, n_classes, weights):
    """A table with empty cells and classes that no row has."""
    matrix = rng.integers(0, 50, (n_classes, n_classes)) * (rng.random((n_classes, n_classes)) < rng.random())
    absent = rng.random(n_classes) < rng.choice([0.0, 0.3])
    matrix[absent], matrix[:, absent] = 0, 0
    matrix[rng.integers(n_classes), rng.integers(n_classes)] += 1
    return matrix if weights == "none" else matrix * rng.random(matrix.shape) * 10 ** rng.uniform(-3, 3)


@pytest.mark.parametrize("weights", ["none", "random"])
@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    n_classes=st.sampled_from([2, 3, 4, 7, 8, 9, 20, 129, 150]),
    zero_division=st.sampled_from(ZERO_DIVISIONS),
    shuffled=st.booleans(),
)
def test_tables_of_several_classes(weights, seed, n_classes, zero_division, shuffled):
    rng = np.random.default_rng(seed)
    classes = rng.permutation(2 * n_classes)[:n_classes] if shuffled else None
    tally = tally_of(random_table(rng, n_classes, weights), classes=classes)
    for average in AVERAGES:
        check_classes(tally, average, zero_division)
    check_whole_table(tally)


def test_cells_of_weight_zero_occur():
    """A class whose rows all have weight zero counts in the macro average, as it does in scikit-learn."""
    matrix = RNG.uniform(0.1, 10, (6, 6))
    matrix[2], matrix[:, 2] = 0, 0
    tally = tally_of(matrix, every_cell=True)
    for average in AVERAGES:
        check_classes(tally, average, 1.0)
    check_whole_table(tally)
    assert our_three(tally, "macro", 1.0) != our_three(tally_of(matrix), "macro", 1.0)


@pytest.mark.parametrize("zero_division", ZERO_DIVISIONS)
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("weights", ["none", "random"])
@pytest.mark.parametrize("n_labels", [2, 3, 20, 150])
def test_tables_of_labels(n_labels, weights, average, zero_division):
    tables = RNG.integers(0, 20, (n_labels, 2, 2)) * (RNG.random((n_labels, 2, 2)) < 0.7)
    tables = tables if weights == "none" else tables * RNG.random(tables.shape)
    tables[0] = [[tables[0].sum(), 0], [0, 0]]  # neither true nor predicted
    expected = theirs(label_cells(tables), average=average, zero_division=zero_division)
    assert_same_bits(our_three(tally_of_labels(tables), average, zero_division), expected)


@pytest.mark.parametrize("zero_division", ZERO_DIVISIONS)
@pytest.mark.parametrize("table", [[[3, 1], [2, 5]], [[3, 1], [2, 0]], [[4, 0], [0, 0]], [[0.25, 0.1], [0.7, 0.3]]])
def test_a_single_label_is_a_binary_task(table, zero_division):
    tally = tally_of_labels(np.array([table]))
    cells = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.ravel(table)
    expected = theirs(cells, average="binary", zero_division=zero_division)
    assert_same_bits(our_three(tally, "macro", zero_division), expected)
    assert_same_bits(our_three(tally, None, zero_division), np.array(expected)[:, None])


@pytest.mark.parametrize("exponent", [-1060, -300, 300, 900])
def test_weights_of_any_size(exponent):
    """Weights times a power of two have the scores of the weights."""
    matrix = RNG.integers(1, 50, (5, 5)).astype(float)
    scaled = np.ldexp(matrix, exponent)
    for average in AVERAGES:
        assert_same_bits(our_three(tally_of(scaled), average, 0.0), our_three(tally_of(matrix), average, 0.0))
    assert_same_bits(kappa(tally_of(scaled)), kappa(tally_of(matrix)))
    assert_same_bits(mcc(tally_of(scaled)), mcc(tally_of(matrix)))


OPTIONS = [
    {"average": "macro"},
    {"average": "weighted", "zero_division": 1.0},
    {"average": None, "labels": [2, 0]},
    {"average": "micro", "labels": np.array([1, 2])},
    {"average": "macro", "labels": [1, 77]},  # the rest is scikit-learn's own
    {"average": "macro", "labels": [1, 1]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("function", [metrics.f1_score, metrics.precision_score, metrics.recall_score])
def test_functions_with_options(function, options):
    tally = tally_of(random_table(RNG, 4, "random") + 0.5)
    y_true, y_pred, weight = tally.cells
    expected = function(y_true, y_pred, sample_weight=weight, **{"zero_division": np.nan, **options})
    assert_same_bits(run_function(functools.partial(function, **options), tally, Options(None, np.nan)), expected)


@pytest.mark.parametrize("options", [{"average": "mean"}, {"average": "binary"}, {"zero_division": 0.5}], ids=str)
def test_options_that_are_wrong_raise_as_in_scikit_learn(options):
    tally = tally_of(random_table(RNG, 4, "none") + 1)
    with pytest.raises(ValueError, match=r"average|zero_division"):
        run_function(functools.partial(metrics.f1_score, **options), tally, Options())


def test_the_three_are_computed_once():
    tally = tally_of(np.array([[3, 1], [2, 4]]), "binary")
    one = precision_recall_f1(tally, average="binary", zero_division=0.0, classes=(1,))
    assert precision_recall_f1(tally, average="binary", zero_division=0.0, classes=(1,)) is one


def test_a_wrong_formula_is_noticed():
    tally = tally_of(np.array([[3, 1], [2, 4]]), "binary")
    with pytest.raises(AssertionError):
        assert_same_bits(f1(tally, Options()), np.nextafter(metrics.f1_score(*tally.cells[:2]), 1))
