"""`LabelRule`: how outputs become labels on the device, so that one or two bytes per row cross to the host.

Who consumes the rows makes the rule from what is known of the task; here it is a function of a tensor.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# The dtypes of outputs that can be labelled. Half precision is compared as float32, as on the host.
FLOATS = ("float16", "bfloat16", "float32")
# Labels of more columns than this do not fit into two bytes.
MOST_COLUMNS = 1 << 16
# Up to so many columns are compared one after the other: one loop over the rows, half the time of an argmax.
UNROLLED = 32
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

    @property
    def cut_bits(self) -> npt.NDArray[np.int32]:
        """The thresholds as `ordered_bits`."""
        return ordered_bits(self.cuts)

    @property
    def highest_bits(self) -> npt.NDArray[np.uint32] | None:
        """The bits of `highest`, which order floats that are not negative."""
        return None if self.highest is None else ordered_bits(self.highest).astype(np.uint32)


# Comparing floats on a device may take denormal numbers for zero, lose a NaN, or use more precision than the outputs
# have. Integers are exact everywhere, and the bits of floats that are not negative have the order of the floats.

# The bits of a float32 without that of the sign.
MAGNITUDE = 0x7FFFFFFF


def ordered_bits(values: npt.ArrayLike) -> npt.NDArray[np.int32]:
    """Return integers in the order of numbers in float32: the bits; of a negative one those of its magnitude, negated.

    >>> ordered_bits([-1.0, -0.0, 0.0, 1.0]).tolist()
    [-1065353216, 0, 0, 1065353216]
    """
    with np.errstate(over="ignore"):
        bits = np.asarray(values).astype(np.float32).view(np.int32)
    return np.where(bits < 0, -(bits & MAGNITUDE), bits)
