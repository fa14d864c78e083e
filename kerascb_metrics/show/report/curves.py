"""The curves as the HTML page holds them: fewer points, each exact, the task's own threshold among them."""

import decimal

import numpy as np

from kerascb_metrics.tally.curve import Curve

# About so many characters of curves: a page of 50 epochs of 10 classes stays under 2 MB.
_CHARACTERS = 1_300_000
_FEWEST_POINTS, _MOST_POINTS = 24, 300
_MOST_CURVES = 5_000
_DOWN = decimal.Context(prec=12, rounding=decimal.ROUND_FLOOR)


class CurveBudget:
    """How much of the curves goes on the page.

    Attributes:
        points: the most points of a curve.
        every: of how many epochs one has its curves on the page.

    Args:
        curves: how many there are, of all epochs, outputs and classes.
        weighted: whether amounts are sums of weights, which are longer to write than counts.
    """

    def __init__(self, curves, weighted):
        self.every = max(1, -(-curves // _MOST_CURVES))
        fitting = _CHARACTERS * self.every // (max(1, curves) * (38 if weighted else 26))
        self.points = min(_MOST_POINTS, max(_FEWEST_POINTS, fitting))

    def admits(self, place, kept):
        """Whether the curves of an epoch go on the page; those of the places `kept` do."""
        return place % self.every == 0 or place in kept

    @property
    def words(self):
        """What was left out, in words for the page."""
        some = f" They are here of every {self.every}th epoch, of the best and of the last." if self.every > 1 else ""
        return (
            f"The curves have at most {self.points} points here, fewer than the history keeps, denser where they bend. "
            f"Each point is exact, counted over all rows.{some}"
        )


def page_curve(tally, name, points):
    """Return a curve of a `EpochRecord` as the page holds it.

    Returns:
        A dict: `of`, the index of the class; `thresholds`, falling, None for inf; `tps` and `fps`; `own`, the place of
        the threshold that decides the labels, or None where several classes compete.
    """
    of = tally.class_names.index(name)
    curve, own = _with_own_point(tally, name)
    kept = thin(curve, points)
    if own is not None:
        kept = np.union1d(kept, [own])
        own = int(np.searchsorted(kept, own))
    return {
        "of": of,
        "thresholds": [None, *curve.thresholds[kept].tolist()[1:]],
        "tps": amounts(curve.tps[kept]),
        "fps": amounts(curve.fps[kept]),
        "own": own,
    }


def thin(curve, points):
    """Return the places of at most so many points of a curve, with its ends and its highest F1.

    Half of them are evenly spaced along the ROC curve, a third evenly by threshold, and the others closer and closer
    towards the highest scores, where precision moves most.
    """
    last = len(curve.tps) - 1
    if last < points:
        return np.arange(last + 1)
    predicted = curve.tps + curve.fps
    along = np.searchsorted(curve.tpr + curve.fpr, np.linspace(0, 2, points // 2))
    rising = -curve.thresholds[1:]
    by_threshold = 1 + np.searchsorted(rising, np.linspace(rising[0], rising[-1], points // 3))
    top = np.searchsorted(predicted, np.geomspace(predicted[1:][predicted[1:] > 0][0], predicted[-1], points // 6 - 3))
    best = np.argmax(curve.tps / (predicted + curve.positives))
    return np.unique(np.concatenate([[0, best, last], along, by_threshold, top]).clip(0, last))


def amounts(numbers):
    """Counts as they are, sums of weights to twelve digits."""
    if np.issubdtype(numbers.dtype, np.integer):
        return numbers.tolist()
    return [float(f"{value:.12g}") for value in numbers.tolist()]


def _with_own_point(tally, name):
    """The curve with short thresholds and the point at which the labels were decided, and that point's place."""
    curve, counted = tally.curves[name], tally.own_counts(name)
    thresholds, tps, fps = _short(tally.thresholds(name)), curve.tps, curve.fps
    if counted is None:
        return Curve(thresholds, tps, fps), None
    # The first point is that of inf. Sums of weights differ in their last digits with the order of the rows.
    predicted = tps + fps
    own = max(1, int(np.searchsorted(predicted, sum(counted) * (1 - 1e-9))))
    if not np.isclose(predicted[own], sum(counted), rtol=1e-9, atol=0):  # the history keeps not all points
        thresholds, tps, fps = (
            np.insert(old, own, new) for old, new in zip((thresholds, tps, fps), (0, *counted), strict=True)
        )
    thresholds[own] = float(f"{tally.own_threshold(name):.7g}")
    return Curve(thresholds, tps, fps), own


def _short(thresholds):
    """Short decimals that separate the same rows: those of float32, or twelve digits, rounded down."""
    narrow = thresholds.astype(np.float32)
    if np.array_equal(narrow, thresholds):
        return np.array([float(str(value)) for value in narrow])
    return np.array([float(_DOWN.create_decimal_from_float(value)) for value in thresholds.tolist()])
