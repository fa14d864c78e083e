"""`LabelRule`: how outputs become labels on the device, so that one or two bytes per row cross to the host.

Who consumes the rows makes the rule from what is known of the task; here it is a function of a tensor.
"""

from dataclasses import dataclass

import numpy as np

# The dtypes of outputs that can be labelled. Half precision is compared as float32, as on the host.
FLOATS = ("float16", "bfloat16", "float32", "float64")
# Labels of more columns than this do not fit into two bytes.
MOST_COLUMNS = 1 << 16
# Two shares must add up to 1 within this. The host allows more, so it accepts whatever is accepted on the device.
SHARES_WITHIN = 0.01


@dataclass(frozen=True)
class LabelRule:
    """A function of outputs (N, …, K): their labels, and whether the labels are enough.

    They are enough if all outputs are finite and, where they should be probabilities, are such. If not, the host needs
    the outputs, to judge them and to say what is wrong.

    Attributes:
        columns: the length K of the last axis, which becomes one label, (N, …, 1): the number of the highest column;
            with ties, the first. None: each output becomes a label of its own.
        cuts: thresholds. Without `columns`: one for all outputs, or one per column; the label is 1 where the output is
            greater, else 0. With two columns: one, for the second column; the two must add up to 1.
        highest: the most that an output may be, where outputs should be probabilities; then none may be negative. None:
            any finite number.
    """

    columns: int | None = None
    cuts: tuple[float, ...] = ()
    highest: float | None = None

    @property
    def dtype(self) -> str:
        """The dtype of the labels: uint8 for up to 256 columns, else uint16."""
        return str(np.min_scalar_type((self.columns or 2) - 1))


def compared_as(dtype: str) -> str:
    """Return the dtype in which outputs of a dtype are compared with each other and with cuts."""
    return "float64" if dtype == "float64" else "float32"


# Comparing floats on a device may take denormal numbers for zero, lose a NaN, or use more precision than the outputs
# have. Integers are exact everywhere, and the bits of floats that are not negative have the same order as the floats.


@dataclass(frozen=True, eq=False)
class Bits:
    """A `LabelRule` in terms of the outputs' bits, read as signed integers.

    Attributes:
        dtype: that of the integers.
        magnitude: selects all bits but the sign.
        most: the bits of the greatest magnitude that an output may have.
        cuts: those of the cuts, as `ordered_bits` returns them.
    """

    dtype: str
    magnitude: int
    most: int
    cuts: np.ndarray

    @classmethod
    def of(cls, rule: LabelRule, floats: str) -> "Bits":
        """Return the bits of a rule.

        Args:
            rule: the rule.
            floats: the dtype in which outputs are compared.
        """
        most = np.finfo(floats).max if rule.highest is None else rule.highest
        with np.errstate(over="ignore"):  # a cut above all float32
            cuts = ordered_bits(np.array(rule.cuts).astype(floats))
        return cls(str(cuts.dtype), int(np.iinfo(cuts.dtype).max), int(ordered_bits(np.array([most], floats))[0]), cuts)


def ordered_bits(values: np.ndarray) -> np.ndarray:
    """Return integers in the order of some floats: their bits; of negative ones the bits of the magnitude, negated.

    >>> ordered_bits(np.array([-1.0, -0.0, 0.0, 1.0], "float32")).tolist()
    [-1065353216, 0, 0, 1065353216]
    """
    bits = values.view(f"int{8 * values.itemsize}")
    return np.where(bits < 0, -(bits & np.iinfo(bits.dtype).max), bits)
