"""scikit-learn's scores at the end of every epoch, over the whole validation set, without an extra forward pass.

The way the data goes, one module a step, each ignorant of the later ones::

    collect     capture/        fit's own validation pass, tapped: batches of NumPy arrays, of all devices and processes
                predictions.py  Predictions(y_true, y_pred, sample_weight, mask)
    interpret   tasks.py        what the outputs mean: Binary, Multiclass, Multilabel, Regression (inference.py: which)
                reader.py       reads rows when the pass has ended; or, if they are not kept, part by part
    tally       evidence.py     labels, scores and their weighted counts; ranking.py: their order
                counting.py     the same of rows that are gone; binned.py: between which bounds they can have stood
    score       panel.py, scorers.py, scoring.py, plan.py: names → values, as scikit-learn has them
    record      records.py, recorder.py, history.py: logs for every callback, lists for the user
                tally.py, files.py, log_file.py: what is kept; tables.py, display/, page.py: how it is shown

`callback.py` conducts. `batchwise.py` stands apart: the older recipes' in-graph functions.
"""

from kerascb_metrics._version import __version__
from kerascb_metrics.callback import Metrics
from kerascb_metrics.exceptions import CaptureError, DataError, ScoringError, UndefinedScoreWarning
from kerascb_metrics.history import ScoreHistory
from kerascb_metrics.interpret.tasks import Binary, Multiclass, Multilabel, Regression
from kerascb_metrics.predictions import Predictions

__all__ = [
    "Binary",
    "CaptureError",
    "DataError",
    "Metrics",
    "Multiclass",
    "Multilabel",
    "Predictions",
    "Regression",
    "ScoreHistory",
    "ScoringError",
    "UndefinedScoreWarning",
    "__version__",
]
