"""JAX: labels made on the device, see `LabelRule`.

XLA takes long over what it cannot do in one loop: here each row is read once, and gives one number.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from kerascb_metrics.collect.backend import Tensor
from kerascb_metrics.collect.label_rule import MAGNITUDE, MOST_COLUMNS, SHARES_WITHIN, UNROLLED, LabelRule


@functools.partial(jax.jit, static_argnums=1)
def labels_of(outputs: Tensor, rule: LabelRule) -> tuple[Tensor, Tensor]:
    """Return the labels of an array of outputs, and whether they are enough."""
    floats = outputs.astype("float32")
    if rule.columns is None:
        labels = _ordered(floats) > _cuts(rule, floats.ndim)
    elif rule.cuts:
        labels = _ordered(floats)[..., 1:] > _cuts(rule, floats.ndim)
    elif rule.highest is None:
        labels, _ = _first_highest(floats, _ordered)
    else:
        return _of_probabilities(floats, rule)
    are_enough = _are_finite(floats) if rule.highest is None else _most(_magnitudes(floats)) <= rule.highest_bits
    if rule.columns and rule.cuts:
        are_enough &= (abs(floats.sum(axis=-1) - 1) <= SHARES_WITHIN).all()
    return labels.astype(rule.dtype), are_enough


def _of_probabilities(floats: Tensor, rule: LabelRule) -> tuple[Tensor, Tensor]:
    labels, highest = _first_highest(floats, _magnitudes)
    # One number per row tells both, and is made before it is read: apart, XLA would read the outputs twice.
    coded = jax.lax.optimization_barrier(jnp.where(highest > rule.highest_bits, MOST_COLUMNS, labels))
    return coded.astype(rule.dtype), _most(coded) < MOST_COLUMNS


def _ordered(floats: Tensor) -> Tensor:
    """Return integers in the order of floats, see `ordered_bits`."""
    bits = jax.lax.bitcast_convert_type(floats, "int32")
    return jnp.where(bits < 0, -(bits & MAGNITUDE), bits)


def _magnitudes(floats: Tensor) -> Tensor:
    """Return integers in the order of floats that are not negative; negative ones and NaN come above all others."""
    bits = jax.lax.bitcast_convert_type(floats, "uint32")
    return jnp.where(bits == jnp.uint32(MAGNITUDE + 1), jnp.uint32(0), bits)  # -0.0 is not negative


def _first_highest(floats: Tensor, integers: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Return the number of the highest column, the first of several, and its value as an integer; (…, 1) both."""
    columns = floats.shape[-1]
    if columns > UNROLLED:
        values = integers(floats)
        number = jnp.argmax(values, axis=-1, keepdims=True)
        return number, jnp.take_along_axis(values, number, axis=-1)
    highest, number = integers(floats[..., 0]), jnp.zeros(floats.shape[:-1], "int32")
    for column in range(1, columns):
        own = integers(floats[..., column])
        number, highest = jnp.where(own > highest, column, number), jnp.maximum(own, highest)
    return number[..., None], highest[..., None]


def _are_finite(floats: Tensor) -> Tensor:
    """Return whether all are finite; a sum takes a tenth of the time of `isfinite` of each."""
    return jnp.isfinite(floats.sum())


def _most(values: Tensor) -> Tensor:
    return values.max(initial=0)


def _cuts(rule: LabelRule, axes: int) -> Tensor:
    """Return the thresholds with as many axes as the outputs, as `jax_numpy_rank_promotion="raise"` wants it."""
    return rule.cut_bits.reshape(*[1] * (axes - 1), -1)
