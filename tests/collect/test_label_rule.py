"""Labels made on the device, beside the same comparisons in NumPy."""

import keras
import numpy as np
import pytest

from kerascb_metrics.collect.backend import backend
from kerascb_metrics.collect.label_rule import LabelRule
from tests.support.models import BACKEND

RNG = np.random.default_rng(0)
TINY = np.float32(1e-40)  # a denormal number, which many devices take for zero
# Few different values, so that most rows have ties; zeros of both signs, denormal numbers.
VALUES = np.array([-3.0, -1.0, -TINY, -0.0, 0.0, TINY, 2 * TINY, 0.5, 1.0], "float32")
SHARES = np.array([0.0, -0.0, TINY, 2 * TINY, 0.25, 0.5, 0.75, 1.0], "float32")


def label(outputs, rule, dtype="float32"):
    """The labels that the device makes, and whether they are enough."""
    tensor = keras.ops.convert_to_tensor(outputs.astype("float32"))
    tensor = tensor if dtype == "float32" else keras.ops.cast(tensor, dtype)
    with np.errstate(all="ignore"):
        labels, enough = backend().label(tensor, rule)
    return backend().to_numpy(labels), bool(backend().to_numpy(enough))


@pytest.mark.parametrize("shape", [(300, 2), (300, 20), (5, 6, 7, 20), (40, 300)])
@pytest.mark.parametrize("highest", [None, 1 + 1e-6])
def test_the_first_of_the_highest(shape, highest):
    outputs = RNG.choice(VALUES if highest is None else SHARES, shape)
    labels, enough = label(outputs, LabelRule(shape[-1], highest=highest))
    assert enough
    assert labels.dtype == ("uint8" if shape[-1] <= 256 else "uint16")
    np.testing.assert_array_equal(labels[..., 0], outputs.argmax(axis=-1))


@pytest.mark.parametrize("cuts", [(0.0,), (0.5,), (-1.0,), (0.0, 0.5, -np.inf), (1e-40,)])
@pytest.mark.parametrize("shape", [(300, 3), (4, 5, 3)])
def test_above_a_cut(shape, cuts):
    outputs = RNG.choice(VALUES, shape)
    labels, enough = label(outputs, LabelRule(None, cuts))
    assert enough
    np.testing.assert_array_equal(labels, outputs > np.array(cuts, "float32"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_compared_as_float32(dtype):
    outputs = RNG.normal(size=(500, 5)).astype("float32")
    rounded = backend().to_numpy(keras.ops.cast(keras.ops.cast(outputs, dtype), "float32"))
    labels, enough = label(outputs, LabelRule(5), dtype)
    assert enough
    np.testing.assert_array_equal(labels[:, 0], rounded.argmax(axis=1))
    labels, _ = label(outputs, LabelRule(None, (0.3,)), dtype)
    np.testing.assert_array_equal(labels, rounded > np.float32(0.3))


def test_two_shares():
    share = RNG.random((400, 1)).astype("float32")
    labels, enough = label(np.hstack([1 - share, share]), LabelRule(2, (0.3,), 1 + 1e-6))
    assert enough
    np.testing.assert_array_equal(labels, share > np.float32(0.3))
    assert not label(np.hstack([share, share]), LabelRule(2, (0.3,), 1 + 1e-6))[1]


@pytest.mark.parametrize("wrong", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "rule",
    [LabelRule(4), LabelRule(40), LabelRule(None, (0.5,)), LabelRule(4, highest=1.0), LabelRule(40, highest=1.0)],
)
def test_one_output_that_is_not_finite_is_seen(rule, wrong):
    for place in (0, 3, 77, 399):
        outputs = np.full(400, 0.25, "float32")
        outputs[place] = wrong
        assert not label(outputs.reshape(-1, rule.columns or 4), rule)[1]


@pytest.mark.parametrize("wrong", [-0.5, -1e-30, -TINY, 1.00001, 7.0])
@pytest.mark.parametrize(
    "rule", [LabelRule(None, (0.5,), 1 + 1e-6), LabelRule(4, highest=1 + 1e-6), LabelRule(40, highest=1 + 1e-6)]
)
def test_one_output_that_is_no_probability_is_seen(rule, wrong):
    for place in (0, 3, 77, 399):
        outputs = np.full(400, 0.25, "float32")
        outputs[place] = wrong
        assert not label(outputs.reshape(-1, rule.columns or 4), rule)[1]
        outputs[place] = np.float32(1 + 5e-7)
        assert label(outputs.reshape(-1, rule.columns or 4), rule)[1]


def test_no_rows():
    labels, enough = label(np.zeros((0, 3), "float32"), LabelRule(3))
    assert enough
    assert labels.shape == (0, 1)


@pytest.mark.skipif(BACKEND != "jax", reason="a setting of JAX")
@pytest.mark.parametrize("rule", [LabelRule(None, (0.5,)), LabelRule(2, (0.5,), 1.0), LabelRule(2)])
def test_jax_may_refuse_arrays_of_other_ranks(rule):
    import jax

    share = RNG.random((40, 3, 1)).astype("float32")
    outputs = np.concatenate([1 - share, share], axis=-1)
    expected = label(outputs, rule)[0]
    with jax.numpy_rank_promotion("raise"):
        jax.clear_caches()  # else what was compiled before runs
        np.testing.assert_array_equal(label(outputs, rule)[0], expected)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a compiler of TensorFlow")
@pytest.mark.parametrize("columns", [20, 40])
@pytest.mark.parametrize("highest", [None, 1 + 1e-6])
def test_the_same_without_xla_which_apple_devices_lack(columns, highest, monkeypatch):
    from kerascb_metrics.collect.backends import tensorflow_labels

    monkeypatch.setattr(tensorflow_labels.platform, "system", lambda: "Darwin")
    outputs = RNG.choice(SHARES, (300, columns))
    expected = outputs.argmax(axis=1)
    tensorflow_labels.labeller.cache_clear()
    labels, enough = label(outputs, LabelRule(columns, highest=highest))
    outputs[7, 3] = np.nan
    refused = not label(outputs, LabelRule(columns, highest=highest))[1]
    tensorflow_labels.labeller.cache_clear()
    assert enough
    assert refused
    np.testing.assert_array_equal(labels[:, 0], expected)
