"""AUC from one sort, against scikit-learn and against exact rationals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from kerascb_metrics import blocks
from kerascb_metrics.ranking import rank


def exact(y_true, y_score):
    """Every pair, as a rational."""
    positive, negative = y_score[y_true == 1], y_score[y_true == 0]
    doubled = sum(2 * int(p > n) + int(p == n) for p in positive for n in negative)
    return Fraction(doubled, 2 * len(positive) * len(negative))


def scores(dtype):
    ties = st.sampled_from([-2.5, -1.0, -1e-40, -0.0, 0.0, 1e-40, 0.1, 0.5, 1.0, 3.0])
    anything = st.floats(width=np.dtype(dtype).itemsize * 8, allow_nan=False, allow_infinity=False)
    return st.integers(2, 40).flatmap(lambda n: arrays(dtype, n, elements=ties.map(dtype) | anything))


def roc_auc(y_true, y_score):
    return rank(y_true == 1, y_score).auc


def checked(y_true, y_score):
    value = roc_auc(y_true, y_score)
    assert abs(value - float(exact(y_true, y_score))) <= 1e-15
    assert value == pytest.approx(roc_auc_score(y_true, y_score), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_any_scores(dtype, data):
    y_score = data.draw(scores(dtype))
    y_true = data.draw(arrays(np.int64, len(y_score), elements=st.integers(0, 1)))
    y_true[:2] = [0, 1]
    checked(y_true, y_score)


@pytest.mark.parametrize("scale", ["probabilities", "logits", "half precision", "one value", "float64"])
def test_many_rows_over_several_blocks(scale, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 64)
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 1000)
    z = rng.normal(size=1000) + y_true
    y_score = {
        "probabilities": (1 / (1 + np.exp(-z))).astype("float32"),
        "logits": z.astype("float32"),
        "half precision": z.astype("float16").astype("float32"),
        "one value": np.full(1000, 0.5, "float32"),
        "float64": z,
    }[scale]
    checked(y_true, y_score)


def test_more_pairs_than_int32_holds():
    y_true = np.arange(200_000) % 2
    assert roc_auc(y_true, np.linspace(0, 1, 200_000, dtype="float32") ** 2) == pytest.approx(
        roc_auc_score(y_true, np.linspace(0, 1, 200_000, dtype="float32") ** 2), abs=1e-12
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_never_packed(bad):
    with pytest.raises(ValueError, match="NaN or infinite"):
        roc_auc(np.array([0, 1, 1]), np.array([0.1, bad, 0.3], "float32"))


def test_another_dtype_is_refused():
    with pytest.raises(ValueError, match="received int64"):
        roc_auc(np.array([0, 1]), np.array([1, 2]))
