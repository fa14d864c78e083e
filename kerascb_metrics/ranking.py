"""Exact ROC AUC from one sort.

The bits of a non-negative float order as the float does. So score and label are packed into one unsigned integer,
score first, and one plain sort of these replaces the argsort, the gathers and the thresholds of the usual way.
"""

import numpy as np

# Rows a step: what it touches stays in the processor's cache.
_BLOCK = 1 << 16
_BITS = {np.dtype(np.float32): np.uint32, np.dtype(np.float64): np.uint64}


def roc_auc(y_true, y_score):
    """Return the area under the ROC curve of a binary task: the share of (positive, negative) pairs in order.

    Ties count half, as in `sklearn.metrics.roc_auc_score`. The pairs are counted in integers, and divided once: the
    result is the float nearest to the exact ratio.

    Args:
        y_true: (N,) array of 0 and 1, both present.
        y_score: (N,) float32 or float64, finite; half precision fits into float32 exactly.

    Returns:
        A Python float.

    Raises:
        ValueError: for another dtype, or a score that is not finite, which packing would turn into a number.

    >>> roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8], "float32"))
    0.75
    """
    if y_score.dtype not in _BITS:
        raise ValueError(f"y_score must be float32 or float64; received {y_score.dtype}.")
    if not np.isfinite(y_score).all():
        raise ValueError("y_score holds NaN or infinite values.")
    y_score, positive = _narrowed(y_score), y_true.astype(bool)
    below = y_score < 0
    if below.any():
        return _two_sided(y_score, positive, below)
    positives = int(np.count_nonzero(positive))
    return _doubled_wins(y_score, positive) / (2 * positives * (len(positive) - positives))


def _narrowed(y_score):
    """Float32 where it holds every score exactly: half the bytes to sort."""
    if y_score.dtype == np.float64:
        # What overflows comes back as inf, unequal to what it was.
        with np.errstate(over="ignore"):
            narrow = y_score.astype(np.float32)
        if np.array_equal(narrow, y_score):
            return narrow
    return y_score


def _two_sided(y_score, positive, below):
    """Scores of both signs: within each side by size, which is in reverse below zero, and all across."""
    wins, counts = 0, []
    for side, sign in ((below, -1), (~below, 1)):
        label = positive[side]
        ahead = int(np.count_nonzero(label))
        behind = len(label) - ahead
        won = _doubled_wins(np.abs(y_score[side]), label) if ahead and behind else 0
        wins += won if sign > 0 else 2 * ahead * behind - won
        counts.append((ahead, behind))
    (ahead_below, behind_below), (ahead_above, behind_above) = counts
    wins += 2 * ahead_above * behind_below
    return wins / (2 * (ahead_below + ahead_above) * (behind_below + behind_above))


def _doubled_wins(y_score, positive):
    """Twice the number of (positive, negative) pairs in order, ties half: a Python int, exact at any size."""
    keys = _sorted_keys(y_score, positive)
    places, positives, ties = 0, 0, 0
    for start in range(0, len(keys), _BLOCK):
        block = keys[start : start + _BLOCK]
        found = np.flatnonzero(block & 1)
        places += int(found.sum()) + start * len(found)
        positives += len(found)
        # A negative next to a positive of the same score: the keys differ in the label's bit alone.
        reach = keys[start : start + _BLOCK + 1]
        ties += _tied_pairs(keys, start + np.flatnonzero((reach[:-1] ^ reach[1:]) == 1))
    # Of the rows before a positive, all but the positives are negatives; in a tie the negatives come first.
    return 2 * (places - positives * (positives - 1) // 2) - ties


def _sorted_keys(y_score, positive):
    keys = np.empty(len(y_score), _BITS[y_score.dtype])
    for start in range(0, len(keys), _BLOCK):
        block = slice(start, start + _BLOCK)
        # `abs` folds −0.0 onto 0.0; the sign bit is free then, and shifts out.
        np.left_shift(np.abs(y_score[block]).view(keys.dtype), 1, out=keys[block])
        keys[block] |= positive[block]
    keys.sort()
    return keys


def _tied_pairs(keys, last_negatives):
    """The (negative, positive) pairs of equal score, given where each such group's last negative stands."""
    score = keys[last_negatives]
    negatives = last_negatives + 1 - np.searchsorted(keys, score)
    positives = np.searchsorted(keys, score | 1, side="right") - last_negatives - 1
    return sum(map(int.__mul__, negatives.tolist(), positives.tolist()))
