"""scikit-learn's scores at the end of every Keras epoch, over the whole validation set, without an extra forward pass.

The data flows through these steps, one folder each. A step imports the steps above it in this drawing, none below it::

    fit's validation pass, or validation_data=
        │
    collect/    captures the batches of all devices and processes, on any backend
        │       Predictions: targets, outputs, sample weights, mask
    interpret/  decides what they mean: the task, the loss, several outputs, positions, masks
        │       LabeledRows: labels and scores of each row
    tally/      counts and ranks them, exactly from the rows or streamed into bins
        │       Tally: count tables and rankings
    score/      computes the values, as scikit-learn does
        │       name → number or array
    insight/    says what they are worth: intervals, comparisons, thresholds, groups
        │
    record/     adds them to the logs of the epoch; keeps and saves them
        │       the record of each epoch
    show/       draws them: tables, plots, the HTML report

`callback.py` (`Metrics`) and the other modules of this folder stand above the steps and connect them, with the help of
`pipeline/`. `exceptions.py`, `_blocks.py` and `_threads.py` lie beneath the steps. `batchwise.py` stands alone: metrics
that are averaged over batches, for comparison.

Importing the package imports neither Keras nor NumPy nor scikit-learn: each public name is imported when it is first
used (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0"

__all__ = [
    "Binary",
    "CaptureError",
    "DataError",
    "Metrics",
    "Multiclass",
    "Multilabel",
    "Ordinal",
    "Predictions",
    "Regression",
    "ScoreHistory",
    "Scores",
    "ScoringError",
    "UndefinedScoreWarning",
    "__version__",
    "compare_histories",
    "make_prediction_scorer",
]

# The module of each public name. A test compares this table, `__all__` and the imports for type checkers below.
_MODULES = {
    "Binary": "kerascb_metrics.interpret.binary",
    "CaptureError": "kerascb_metrics.exceptions",
    "DataError": "kerascb_metrics.exceptions",
    "Metrics": "kerascb_metrics.callback",
    "Multiclass": "kerascb_metrics.interpret.multiclass",
    "Multilabel": "kerascb_metrics.interpret.multilabel",
    "Ordinal": "kerascb_metrics.interpret.ordinal",
    "Predictions": "kerascb_metrics.predictions",
    "Regression": "kerascb_metrics.interpret.regression",
    "ScoreHistory": "kerascb_metrics.history",
    "Scores": "kerascb_metrics.scores",
    "ScoringError": "kerascb_metrics.exceptions",
    "UndefinedScoreWarning": "kerascb_metrics.exceptions",
    "compare_histories": "kerascb_metrics.runs",
    "make_prediction_scorer": "kerascb_metrics.score.prediction_scorers",
}

if TYPE_CHECKING:
    from kerascb_metrics.callback import Metrics
    from kerascb_metrics.exceptions import CaptureError, DataError, ScoringError, UndefinedScoreWarning
    from kerascb_metrics.history import ScoreHistory
    from kerascb_metrics.interpret.binary import Binary
    from kerascb_metrics.interpret.multiclass import Multiclass
    from kerascb_metrics.interpret.multilabel import Multilabel
    from kerascb_metrics.interpret.ordinal import Ordinal
    from kerascb_metrics.interpret.regression import Regression
    from kerascb_metrics.predictions import Predictions
    from kerascb_metrics.runs import compare_histories
    from kerascb_metrics.score.prediction_scorers import make_prediction_scorer
    from kerascb_metrics.scores import Scores
else:
    # Hidden from type checkers: a module with `__getattr__` would have every name that a user mistypes.

    def __getattr__(name):
        """Return a public name, imported from its module when first used."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value = getattr(import_module(_MODULES[name]), name)
        return value


def __dir__() -> list[str]:
    """Return the public names, also those that are not imported yet, and nothing else."""
    return sorted(__all__)
