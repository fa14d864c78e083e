"""What a function of the user's own returns is recorded where it is a number or an array of numbers of one shape.

Anything else is an error of that score, which `error_score` says what to do with.
"""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import make_scorer

from kerascb_metrics import Metrics, ScoreHistory
from kerascb_metrics.exceptions import ScoringError
from kerascb_metrics.score.recordable import recordable
from tests.support.arrays import assert_same
from tests.support.models import binary_rows, in_batches, shared_echo_model

X, Y = binary_rows(20)
DATA = in_batches(X, Y, 20)
WRONG = {
    "text": "0.5",
    "bytes": b"1",
    "NumPy's text": np.str_("1"),
    "texts": ["0.1", "0.2"],
    "None": None,
    "complex": 1j,
    "complex array": np.ones(2, complex),
    "dict": {"f1": 0.5},
    "set": {0.5},
    "function": abs,
    "generator": (value for value in [0.5]),
    "masked": np.ma.masked,
    "masked array": np.ma.array([0.1, 0.2], mask=[False, True]),
    "0-d object None": np.array(None, object),
    "0-d object text": np.array("0.5", object),
    "objects": [0.5, None],
    "ragged": [[0.1], [0.2, 0.3]],
    "no value": [],
    "no row": np.zeros((0, 2)),
    "time": np.timedelta64(3, "s"),
    "records": np.zeros(2, "i4,f4"),
    "too large": 10**400,
}
RIGHT = {
    "float": (0.25, 0.25),
    "int": (3, 3.0),
    "bool": (True, 1.0),
    "half": (np.float16(0.5), 0.5),
    "long": (np.longdouble(0.5), 0.5),
    "0-d": (np.array(0.5), 0.5),
    "0-d object": (np.array(0.5, object), 0.5),
    "fraction": (Fraction(1, 4), 0.25),
    "decimal": (Decimal("0.5"), 0.5),
    "nan": (float("nan"), float("nan")),
    "large": (10**30, 1e30),
}


def returning(value):
    def own(y_true, y_pred):
        return value

    return own


def fit(metrics, epochs=2):
    model = shared_echo_model()
    return model.fit(DATA, validation_data=DATA, shuffle=False, epochs=epochs, verbose=0, callbacks=[metrics]).history


@pytest.mark.parametrize("wrapped", [False, True], ids=["function", "scorer"])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_number_is_an_error_of_the_score(name, wrapped):
    own = make_scorer(returning(WRONG[name])) if wrapped else returning(WRONG[name])
    with pytest.raises(ScoringError, match=r"the score 'own' failed in Metrics\.evaluate"):
        Metrics({"own": own}).evaluate(shared_echo_model(), DATA)


def test_every_one_of_them_is_recorded_as_error_score_says():
    scoring = {f"own {place}": returning(value) for place, value in enumerate(WRONG.values())} | {"f1": "f1"}
    metrics = Metrics(scoring, error_score=-1.0, verbose=False)
    with pytest.warns(UserWarning, match=r"recorded -1.0.*the score 'own 0' failed in epoch 0"):
        logs = fit(metrics)
    for place in range(len(WRONG)):
        assert logs[f"val_own {place}"] == metrics.history[f"own {place}"] == [-1.0, -1.0]
    assert logs["val_f1"] == metrics.f1s
    assert np.isfinite(metrics.f1s).all()


@pytest.mark.parametrize("name", RIGHT)
def test_numbers_of_any_type_are_floats(name):
    value, expected = RIGHT[name]
    ours = recordable(value)
    assert type(ours) is float
    assert_same(ours, expected)


@pytest.mark.parametrize("values", [[1, 2], (1.0, 2.0), np.ones((2, 3)), range(3), [Fraction(1, 2), 1]])
def test_arrays_of_numbers_are_arrays_of_their_own(values):
    ours = recordable(values)
    assert ours.dtype.kind in "if"
    assert_same(ours, np.asarray(values, float))
    assert not np.shares_memory(ours, values)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([True, False], "bool"),
        (np.array([1, 2], "uint8"), "uint8"),
        (np.array([1, 2], "float32"), "float32"),
        (np.array([1, 2], "float64"), "float64"),
        (np.array([1, 2], np.longdouble), "float64"),
        (np.array([[Fraction(1, 2), 1], [2, Decimal(1)]], object), "float64"),
    ],
    ids=str,
)
def test_arrays_keep_a_dtype_that_files_can_hold(values, dtype):
    ours = recordable(values)
    assert ours.dtype == dtype
    assert_same(ours, np.asarray(values, float))


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_the_small_floats_of_jax_become_ordinary_ones(name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    assert recordable(np.array([0.5, 2.0], getattr(ml_dtypes, name))).dtype == np.float64


class Tensor:
    """As PyTorch's, which NumPy takes only once it is detached and on the CPU."""

    def __init__(self, values, steps=("detach", "cpu", "numpy")):
        self.values, self.steps = values, steps

    def __getattr__(self, name):
        if name != self.steps[0]:
            raise AttributeError(name)
        return lambda: Tensor(self.values, self.steps[1:]) if len(self.steps) > 1 else np.array(self.values)


@pytest.mark.parametrize("values", [0.5, [0.5, 0.25]])
def test_tensors_are_their_values(values):
    assert_same(recordable(Tensor(values)), values)


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ("0.5", TypeError, "it returned '0.5' (str)"),
        ({"f1": 0.5}, TypeError, "it returned {'f1': 0.5} (dict)"),
        (np.ma.masked, TypeError, "masked array"),
        (np.zeros((0, 2)), ValueError, "shape (0, 2)"),
    ],
)
def test_the_error_shows_what_was_returned(value, error, words):
    with pytest.raises(error) as caught:
        recordable(value)
    assert words in str(caught.value)


SHAPES = {
    "longer": ([0.1, 0.2], [0.1, 0.2, 0.3]),
    "shorter": ([0.1, 0.2, 0.3], [0.1, 0.2]),
    "a number, then two": (0.5, [0.1, 0.2]),
    "two, then a number": ([0.1, 0.2], 0.5),
    "a matrix, then another": (np.ones((2, 2)), np.ones((3, 2))),
    "a matrix, then a vector": (np.ones((2, 2)), np.ones(2)),
    "one value, then a number": ([0.5], 0.5),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("policy", ["raise_first", "raise"])
def test_a_shape_that_changes_is_an_error_of_that_epoch(name, policy, tmp_path):
    values = [SHAPES[name][0], SHAPES[name][1], SHAPES[name][0]]

    def own(y_true, y_pred):
        return values[len(metrics.history.epochs)]

    metrics = Metrics({"own": own, "f1": "f1"}, error_score=policy, verbose=False)
    message = r"score 'own' failed in epoch 1 .*it returned values of shape"
    if policy == "raise":
        with pytest.raises(ScoringError, match=message):
            fit(metrics, epochs=3)
        return
    with pytest.warns(UserWarning, match=message):
        logs = fit(metrics, epochs=3)
    assert_same(metrics.history["own"][0], np.asarray(values[0], float))
    assert_same(metrics.history["own"][1], np.full(np.shape(values[0]), np.nan))
    assert_same(metrics.history["own"][2], np.asarray(values[0], float))
    if np.ndim(values[0]) == 1:
        assert_same(logs["val_own_0"], [np.ravel(values[0])[0], np.nan, np.ravel(values[0])[0]])
        assert "own_2" in metrics.history or len(values[0]) < 3
    assert set(logs) >= {"val_f1", "val_loss"}
    metrics.history.save(tmp_path / "scores.json")
    assert_same(ScoreHistory.load(tmp_path / "scores.json")["own"][2], metrics.history["own"][2])


def test_a_buffer_that_is_returned_each_time_is_copied():
    buffer = np.zeros(2)

    def own(y_true, y_pred):
        buffer[:] += 1
        return buffer

    metrics = Metrics({"own": own}, verbose=False)
    fit(metrics)
    assert [each.tolist() for each in metrics.history["own"]] == [[1, 1], [2, 2]]
