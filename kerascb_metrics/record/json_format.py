"""The JSON format of a `ScoreHistory`: what its writer and its reader share.

The JSON is strict. It has no numbers for nan and the infinities, so these are the strings "NaN", "Infinity" and
"-Infinity". An array is `{"dtype": "int64", "values": [[3, 1], [0, 2]]}`; an empty one has its "shape" too. An array of
more than 256 elements is packed, see `PackedArray`; docs/file_format.md and score_history.schema.json describe it. A
reader builds plain values only: it executes nothing, and makes no array that is much larger than its text can hold. A
writer refuses everything that could not be read again without change.

Version 1 had no packed arrays; it is read, and never written.
"""

import math
from typing import Any, TypeAlias

FORMAT, VERSION = "kerascb_metrics.ScoreHistory", 2
READABLE = (1, VERSION)

# A header or an epoch, as `json.loads` returns it.
Form: TypeAlias = dict[str, Any]

NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_FLOATS = ("float16", "float32", "float64")
# The Python types that an array of each dtype is made of.
LEAVES: dict[str, set[type]] = {
    "bool": {bool},
    **{name: {int} for name in _INTEGERS},
    **{name: {int, float} for name in _FLOATS},
}
# The arrays of `Counts` and of a `Curve`.
CELLS, CURVE = ("y_true", "y_pred", "weight"), ("thresholds", "tps", "fps")
# The score whose value is the confusion matrix of an output, which is made of the counts of this epoch.
MATRIX_OF = "matrix_of"
# The bytes of a packed array: shuffled, or in the order of the numbers, as before version 0.2.0.
SHUFFLED, IN_ORDER = "shuffled_zlib", "zlib"
