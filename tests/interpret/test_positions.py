"""Each position is a sample: outputs of any rank, masks, and weights per row or per position."""

import numpy as np
import pytest

from kerascb_metrics import Binary, DataError, Multiclass, Multilabel, Predictions, Regression
from kerascb_metrics.interpret.losses import LossReading
from tests.support.arrays import read

BCE, SPARSE = "binary_crossentropy", "sparse_categorical_crossentropy"
# Two rows of three positions; the highest class is the target, except at the last position.
CLASSES = np.array([[0, 1, 2], [2, 0, 1]])
WINNERS = np.array([[0, 1, 2], [2, 0, 0]])
TAGS = np.full((2, 3, 3), 0.1, "float32") + 0.7 * np.eye(3, dtype="float32")[WINNERS]
MASK = np.array([[True, True, False], [True, False, True]])


@pytest.mark.parametrize("y_true", [CLASSES, CLASSES[..., None], np.eye(3)[CLASSES]], ids=["ints", "(N,T,1)", "hot"])
def test_positions_of_a_sequence_are_rows_in_order(y_true):
    tally = read(Multiclass(), y_true, TAGS, SPARSE)
    assert tally.y_true.tolist() == [0, 1, 2, 2, 0, 1]
    assert tally.y_pred.tolist() == [0, 1, 2, 2, 0, 0]
    assert tally.y_score.tolist() == TAGS.reshape(6, 3).tolist()


@pytest.mark.parametrize("target_shape", [(2, 2, 3, 1), (2, 2, 3)])
@pytest.mark.parametrize("output_shape", [(2, 2, 3, 1), (2, 2, 3)])
def test_pixels_are_rows(target_shape, output_shape):
    p = np.arange(12, dtype="float32") / 12
    tally = read(Binary(), (p > 0.3).reshape(target_shape), p.reshape(output_shape), BCE)
    assert tally.y_true.tolist() == (p > 0.3).tolist()
    assert tally.y_score.tolist() == p.tolist()
    assert tally.y_pred.tolist() == (p > 0.5).tolist()


def test_a_last_axis_of_positions_is_not_one_of_columns():
    p = np.array([[[0.1, 0.6, 0.9]], [[0.5, 0.7, 0.2]]])
    rows = Predictions(p > 0.4, p, sample_weight=10 * p, has_columns=False)
    labeled = Binary().read(rows, LossReading())
    assert labeled.y_true.tolist() == [False, True, True, True, True, False]
    assert labeled.sample_weight.tolist() == (10 * p).ravel().tolist()


def test_positions_of_two_columns_are_binary():
    p1 = np.array([[0.1, 0.6, 0.9], [0.5, 0.7, 0.2]], "float32")
    tally = read(Binary(), p1 > 0.5, np.stack([1 - p1, p1], axis=-1), SPARSE)
    assert tally.y_score.tolist() == p1.ravel().tolist()
    assert tally.y_true.tolist() == tally.y_pred.tolist() == [0, 1, 1, 0, 1, 0]


def test_multilabel_positions_are_rows():
    p = np.arange(12, dtype="float32").reshape(2, 2, 3) / 12
    tally = read(Multilabel(), p > 0.3, p, BCE)
    assert tally.y_true.tolist() == (p > 0.3).reshape(4, 3).tolist()
    assert tally.y_score.tolist() == p.reshape(4, 3).tolist()


def test_time_steps_of_a_regression_are_rows():
    y = np.arange(6.0).reshape(2, 3, 1)
    tally = read(Regression(), y[..., 0], y + 0.5, "mse", mask=MASK)
    assert tally.y_true.tolist() == [0, 1, 3, 5]
    assert tally.y_pred.tolist() == [0.5, 1.5, 3.5, 5.5]


# Masks.


@pytest.mark.parametrize("mask", [MASK, MASK.astype("float32"), MASK[..., None]], ids=["bool", "float", "(N,T,1)"])
def test_masked_positions_are_dropped(mask):
    tally = read(Multiclass(), CLASSES, TAGS, SPARSE, mask=mask, sample_weight=[[1, 2, 3], [4, 5, 6]])
    assert tally.y_true.tolist() == [0, 1, 2, 1]
    assert tally.y_pred.tolist() == [0, 1, 2, 0]
    assert tally.sample_weight.tolist() == [1, 2, 4, 6]


def test_a_mask_with_one_value_per_row_drops_whole_rows():
    assert read(Multiclass(), CLASSES, TAGS, SPARSE, mask=[False, True]).y_true.tolist() == [2, 0, 1]
    assert read(Binary(), [0, 1, 1], [[0.1], [0.2], [0.9]], BCE, mask=[True, False, True]).y_true.tolist() == [0, 1]


@pytest.mark.parametrize("padding", [-1, 99, 0])
def test_targets_of_masked_positions_may_be_anything(padding):
    assert read(Multiclass(), np.where(MASK, CLASSES, padding), TAGS, SPARSE, mask=MASK).y_true.tolist() == [0, 1, 2, 1]


def test_one_hot_targets_of_masked_positions_may_be_all_zero():
    padded = np.eye(3)[CLASSES] * MASK[..., None]
    tally = read(Multiclass(), padded, TAGS, "categorical_crossentropy", mask=MASK)
    assert tally.y_true.tolist() == [0, 1, 2, 1]


def test_outputs_of_masked_positions_may_be_anything():
    p = np.where(MASK, 0.7, 5.0).astype("float32")
    assert read(Binary(), MASK, p[..., None], BCE, mask=MASK).y_pred.tolist() == [1, 1, 1, 1]
    p = np.where(MASK, 0.7, np.nan).astype("float32")
    assert read(Binary(), MASK, p[..., None], BCE, mask=MASK).undefined is None


def test_weights_of_masked_positions_may_be_anything():
    weight = np.where(MASK, 2.0, np.nan)
    assert read(Multiclass(), CLASSES, TAGS, SPARSE, mask=MASK, sample_weight=weight).sample_weight.tolist() == [2] * 4


# Weights.


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_one_weight_per_row_applies_to_all_its_positions(shape):
    tally = read(Multiclass(), CLASSES, TAGS, SPARSE, sample_weight=np.reshape([2.0, 3.0], shape))
    assert tally.sample_weight.tolist() == [2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1)])
def test_one_weight_per_position(shape):
    tally = read(Multiclass(), CLASSES, TAGS, SPARSE, sample_weight=np.arange(6.0).reshape(shape))
    assert tally.sample_weight.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("y_pred", [np.full(3, 0.5), np.full((3, 1), 0.5)], ids=["(N,)", "(N, 1)"])
def test_weights_become_float64_and_rows_of_weight_zero_stay(shape, y_pred):
    tally = read(Binary(), [0, 1, 1], y_pred, BCE, sample_weight=np.reshape([0, 1, 0.1], shape).astype("float32"))
    assert tally.sample_weight.dtype == np.float64
    assert tally.sample_weight.tolist() == [0, 1, np.float32(0.1)]
    assert len(tally.y_true) == 3


def test_without_weights_there_are_none():
    assert read(Binary(), [0, 1], [0.5, 0.5], BCE).sample_weight is None


# Shapes that do not fit.


@pytest.mark.parametrize(
    ("y_true", "y_pred", "leaves", "message"),
    [
        (CLASSES[:, :2], TAGS, {}, r"targets \(2, 2\) for outputs with 3 column\(s\) over \(2, 3\)"),
        (CLASSES.T, TAGS, {}, r"targets \(3, 2\)"),
        (np.eye(4)[CLASSES], TAGS, {}, r"targets \(2, 3, 4\)"),
        (CLASSES, TAGS, {"sample_weight": np.ones(3)}, r"sample weights of shape \(3,\).* over \(2, 3\)"),
        (CLASSES, TAGS, {"sample_weight": np.ones((2, 3, 3))}, r"sample weights of shape \(2, 3, 3\)"),
        (CLASSES, TAGS, {"mask": np.ones((2, 4), bool)}, r"mask of shape \(2, 4\)"),
        (CLASSES, TAGS, {"sample_weight": [-1.0, 2.0]}, "not negative; received values from -1.0 to 2.0.*use_sample_w"),
        (CLASSES, TAGS, {"sample_weight": [np.nan, 2.0]}, "finite.*use_sample_weight=False"),
        (CLASSES, TAGS, {"sample_weight": [np.inf, 2.0]}, "finite.*inf.*use_sample_weight=False"),
        (np.ones((2, 3, 3)), TAGS, {}, "one-hot.*Pass task='multilabel'"),
        (np.eye(3)[CLASSES] * 0.9 + 0.03, TAGS, {}, r"one-hot.*task=Multiclass\(soft_targets=True\)"),
    ],
)
def test_shapes_that_do_not_fit_raise(y_true, y_pred, leaves, message):
    with pytest.raises(DataError, match=message):
        read(Multiclass(), y_true, y_pred, SPARSE, **leaves)


# Samples whose positions are rows.


def of_lengths(lengths, columns=2):
    """One batch for each (samples, positions): targets, outputs and weights of each output count from 0."""
    start, batches = 0, []
    for samples, positions in lengths:
        size = samples * positions * columns
        values = np.arange(start, start + size, dtype=float).reshape(samples, positions, columns)
        start += size
        batches.append({"y_true": values, "y_pred": values / 100, "sample_weight": values, "mask": values[..., 0] > 3})
    return batches


@pytest.mark.parametrize(
    "lengths", [[(1, 3)], [(2, 3)], [(4, 1)], [(1, 1)], [(2, 3), (1, 2)], [(1, 4), (2, 1), (1, 3)]], ids=str
)
def test_each_position_knows_its_sample_and_its_place(lengths):
    batches = of_lengths(lengths)
    rows = Predictions.join(batches)
    each = [positions for samples, positions in lengths for _ in range(samples)]
    expected = [(sample, place) for sample, count in enumerate(each) for place in range(count)]
    assert rows.numbers_of_samples(sum(each)).tolist() == [sample for sample, _ in expected]
    found = rows.places(np.arange(sum(each)), sum(each))
    assert list(zip(*(part.tolist() for part in found), strict=True)) == expected
    assert [part.dtype.kind for part in found] == ["i", "i"]
    assert rows.samples_count == len(each)
    assert rows.is_of_samples(sum(each)) == (len(lengths) == 1 and set(each) == {1})
    for name in ("y_true", "y_pred", "sample_weight"):
        whole = np.concatenate([batch[name].reshape(-1, 2) for batch in batches])
        assert getattr(rows, name).reshape(-1, 2).tolist() == whole.tolist()
        own = [sample.tolist() for batch in batches for sample in batch[name]]
        assert [getattr(sample, name).tolist() for sample in rows.samples()] == own
    assert [s.mask.tolist() for s in rows.samples()] == [m.tolist() for batch in batches for m in batch["mask"]]


@pytest.mark.parametrize("lengths", [[(2, 3)], [(2, 3), (1, 2)]], ids=str)
def test_each_sample_has_its_weight(lengths):
    batches, start = of_lengths(lengths), 0
    for batch in batches:
        batch["sample_weight"], batch["mask"] = np.arange(start, start + len(batch["y_pred"]), dtype=float), None
        start += len(batch["y_pred"])
    samples = list(Predictions.join(batches).samples())
    assert [float(sample.sample_weight) for sample in samples] == list(range(start))
    assert {sample.mask for sample in samples} == {None}


def test_read_only_rows_cannot_be_written_to():
    rows = Predictions.join(of_lengths([(2, 3)])).read_only()
    for array in (rows.y_true, rows.y_pred, rows.sample_weight, rows.mask):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
