"""A checksum of rows without what was predicted for them: the same for two passes over the same rows in one order."""

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # it needs Keras, and a table of a file is shown without Keras
    from kerascb_metrics.tally.exact import ExactTally


def checksum(tally: "ExactTally", found: int = 0) -> int:
    """Return a CRC-32 of targets, weights and what is left out.

    Args:
        tally: the rows.
        found: the checksum of earlier rows of the pass.
    """
    labeled = tally.labeled
    for array in (labeled.y_true, labeled.sample_weight, labeled.present, labeled.kept, tally.classes):
        if array is None:
            found = zlib.crc32(b"none", found)
        elif array.dtype.kind in "USO":
            found = zlib.crc32(repr(array.tolist()).encode(), found)
        else:  # one bit per bool
            data = np.packbits(array) if array.dtype == bool else np.ascontiguousarray(array)
            found = zlib.crc32(data.view(np.uint8).data, found)
    return found
