"""Which scores counts are enough for, and which need the rows."""

from kerascb_metrics.score.panel import PANEL
from kerascb_metrics.score.sklearn_scorers import (
    COUNTED_NAMES,
    RANKED_NAMES,
    SCORER_TYPE,
    counts_suffice,
    of_labels,
    unwrapped,
)

_KINDS = ("binary", "multiclass", "multilabel")


def needs_rows(source, average, kind=None):
    """Tell whether a score needs the rows of a pass: its counts, and its scores in bins, are not enough.

    Args:
        source: a name, a scorer or a metric function.
        average: of the panel's names.
        kind: of the task; None where it is not known yet: whether any kind of task would need them.

    >>> needs_rows("auc", "macro"), needs_rows("neg_log_loss", "macro")
    (False, True)
    """
    if kind is None:
        return all(needs_rows(source, average, each) for each in _KINDS)
    if kind == "regression":
        return True
    if not isinstance(source, str):
        return not _is_counted(source, kind)
    if source in PANEL or source == "confusion_cells":
        return average == "samples" and source not in ("confusion", "confusion_cells")
    if source in COUNTED_NAMES:
        return not _is_counted(COUNTED_NAMES[source], kind)
    if source == "jaccard":
        return kind != "binary"
    if source in RANKED_NAMES:  # one class against another is in no table; the plain name is for two classes
        return kind == "multiclass" and ("ovo" in source or source == "roc_auc")
    return source != "average_precision"


def _is_counted(source, kind):
    function, options = of_labels(source) if isinstance(source, SCORER_TYPE) else unwrapped(source)
    return counts_suffice(function, options, kind)
