"""TensorFlow: labels made on the device, see `LabelRule`; compiled by XLA, as on JAX, and for it written alike."""

import functools
import platform
from collections.abc import Callable

import tensorflow as tf

from kerascb_metrics.collect.backend import Tensor
from kerascb_metrics.collect.label_rule import MAGNITUDE, MOST_COLUMNS, SHARES_WITHIN, UNROLLED, LabelRule


@functools.lru_cache(maxsize=32)
def labeller(rule: LabelRule) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Return a compiled function of outputs: their labels, and whether they are enough.

    With XLA it takes a third of the time; Apple's devices have none.
    """
    compiled: Callable[[Tensor], tuple[Tensor, Tensor]] = tf.function(
        tf.autograph.experimental.do_not_convert(functools.partial(_labels, rule)),
        reduce_retracing=True,
        jit_compile=platform.system() != "Darwin",
    )
    return compiled


def _labels(rule: LabelRule, outputs: Tensor) -> tuple[Tensor, Tensor]:
    floats = tf.cast(outputs, "float32")
    if rule.columns is None:
        labels = _ordered(floats) > rule.cut_bits
    elif rule.cuts:
        labels = _ordered(floats)[..., 1:] > rule.cut_bits
    elif rule.highest is None:
        labels, _ = _first_highest(floats, _ordered, rule.columns)
    else:
        return _of_probabilities(floats, rule, rule.columns)
    are_enough = (
        _are_finite(floats) if rule.highest is None else tf.reduce_all(_magnitudes(floats) <= rule.highest_bits)
    )
    if rule.columns and rule.cuts:
        are_enough &= tf.reduce_all(abs(tf.reduce_sum(floats, axis=-1) - 1) <= SHARES_WITHIN)
    return tf.cast(labels, rule.dtype), are_enough


def _of_probabilities(floats: Tensor, rule: LabelRule, columns: int) -> tuple[Tensor, Tensor]:
    labels, highest = _first_highest(floats, _magnitudes, columns)
    # One number per row tells both: apart, XLA would read the outputs twice.
    coded = tf.where(highest > rule.highest_bits, MOST_COLUMNS, labels)
    return tf.cast(coded, rule.dtype), tf.reduce_all(coded < MOST_COLUMNS)


def _ordered(floats: Tensor) -> Tensor:
    """Return integers in the order of floats, see `ordered_bits`."""
    bits = tf.bitcast(floats, "int32")
    return tf.where(bits < 0, -tf.bitwise.bitwise_and(bits, MAGNITUDE), bits)


def _magnitudes(floats: Tensor) -> Tensor:
    """Return integers in the order of floats that are not negative; negative ones and NaN come above all others."""
    bits = tf.bitcast(floats, "uint32")
    # -0.0 is not negative.
    return tf.where(bits == tf.constant(MAGNITUDE + 1, "uint32"), tf.constant(0, "uint32"), bits)


def _first_highest(floats: Tensor, integers: Callable[[Tensor], Tensor], columns: int) -> tuple[Tensor, Tensor]:
    """Return the number of the highest column, the first of several, and its value as an integer; (…, 1) both."""
    if columns > UNROLLED:
        return _first_highest_of_many(integers(floats), columns)
    highest = integers(floats[..., 0])
    number = tf.zeros_like(highest, "int32")
    for column in range(1, columns):
        own = integers(floats[..., column])
        number, highest = tf.where(own > highest, column, number), tf.maximum(own, highest)
    return number[..., tf.newaxis], highest[..., tf.newaxis]


def _first_highest_of_many(values: Tensor, columns: int) -> tuple[Tensor, Tensor]:
    """Return the same; TensorFlow does not say which of several its argmax returns.

    The numbers are the low bits of what is compared, so that no two are equal.
    """
    last = MOST_COLUMNS - 1
    shifted = tf.cast(values, "int64") * MOST_COLUMNS
    highest = tf.reduce_max(shifted + (last - tf.range(columns, dtype="int64")), axis=-1, keepdims=True)
    number = last - tf.bitwise.bitwise_and(highest, tf.constant(last, "int64"))
    return tf.cast(number, "int32"), tf.cast(highest // MOST_COLUMNS, values.dtype)


def _are_finite(floats: Tensor) -> Tensor:
    """Return whether all are finite; a sum takes a tenth of the time of `is_finite` of each."""
    return tf.math.is_finite(tf.reduce_sum(floats))
