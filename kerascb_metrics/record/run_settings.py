"""What a history says of its run, so that its numbers are understood later."""

import keras
import numpy as np
import sklearn

from kerascb_metrics import __version__


def settings_of(metrics):
    """Return the settings of a `Metrics`, name → text, number, True, False or None."""
    return {
        "kerascb_metrics": __version__,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "prefix": "val_" if metrics.prefix is None else metrics.prefix,
        "average": metrics.average,
        "zero_division": float(metrics.zero_division),
        "memory": metrics.memory,
        "use_sample_weight": metrics.use_sample_weight,
    }


def score_names(plan, outputs=(), scored=None):
    """Return the names of the scores that a `Plan` asks for; `outputs` and `scored` as there.

    >>> from kerascb_metrics.score.plan import Plan
    >>> score_names(Plan({"a": ["f1", "auc"], "b": "r2"}), ["a", "b"])
    ['a_f1', 'a_auc', 'b_r2']
    """
    scorings = {
        output: plan.scoring_of(output, outputs) for output in ((outputs or (None,)) if scored is None else scored)
    }
    return [
        name if output is None else f"{output}_{name}"
        for output, scoring in scorings.items()
        if scoring is not None
        for name in scoring.names
    ]
