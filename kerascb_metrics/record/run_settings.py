"""The settings of a run, kept with its scores so that the numbers can be understood later."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import sklearn

from kerascb_metrics import __version__
from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.score.plan import Plan, full_name


def run_settings(
    *, prefix: str, average: str | None, per_class: bool, zero_division: float, memory: str, use_sample_weight: bool
) -> dict[str, Any]:
    """Return the versions, the backend and the given arguments of `Metrics`, name → text, number, True, False or None.

    Args:
        prefix: how the keys in `logs` begin.
        average: as in `Metrics`.
        per_class: as in `Metrics`.
        zero_division: as in `Metrics`.
        memory: as in `Metrics`.
        use_sample_weight: as in `Metrics`.
    """
    return {
        "kerascb_metrics": __version__,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "prefix": prefix,
        "average": average,
        "per_class": per_class,
        "zero_division": float(zero_division),
        "memory": memory,
        "use_sample_weight": use_sample_weight,
    }


def model_name(model: Any) -> str:
    """Return what a model, or a function of inputs, is called.

    >>> model_name(keras.Sequential(name="small")), model_name(len)
    ('small', 'len')
    """
    return str(getattr(model, "name", None) or getattr(model, "__name__", None) or type(model).__name__)


def score_names(
    plan: Plan, outputs: Sequence[str] = (), kinds: Mapping[str | None, Kind | None] | None = None
) -> list[str]:
    """Return the names of the scores of a `Plan`.

    Args:
        plan: the `Plan`.
        outputs: the names of the model's outputs if there are several.
        kinds: output → its kind of task, or None if it is not known (see `Scoring.names`), of the outputs that have
            targets; None: of all outputs, known only as far as the user says it.

    >>> from kerascb_metrics.score.plan import Plan
    >>> score_names(Plan({"a": ["f1", "auc"], "b": "r2"}), ["a", "b"])
    ['a_f1', 'a_auc', 'b_r2']
    """
    names: list[str] = []
    for output in (outputs or (None,)) if kinds is None else kinds:
        scoring = plan.scoring_of(output, outputs)
        if scoring is not None:
            kind = plan.told_kind(output) if kinds is None else kinds[output]
            own = scoring.names if kind is None else [score.name for score in scoring.for_kind(kind)]
            names.extend(full_name(output, name) for name in own)
    return names
