"""The one place that knows Keras's trainer: whence the rows of a validation pass come."""

from kerascb_metrics.capture._keras import fit_list_holds, fit_validates, model_of
from kerascb_metrics.capture.claims import Claim
from kerascb_metrics.capture.facts import ModelFacts, facts_of
from kerascb_metrics.capture.kept import Taker
from kerascb_metrics.capture.predict import GivenData, is_due
from kerascb_metrics.capture.processes import (
    agreed,
    is_first_process,
    joined_over_processes,
    processes_apart,
    sum_over_processes,
    together,
)
from kerascb_metrics.capture.seam import PassListener, callbacks_beside, install, may_stand_beside, remove, step_to

__all__ = [
    "Claim",
    "GivenData",
    "ModelFacts",
    "PassListener",
    "Taker",
    "agreed",
    "callbacks_beside",
    "facts_of",
    "fit_list_holds",
    "fit_validates",
    "install",
    "is_due",
    "is_first_process",
    "joined_over_processes",
    "may_stand_beside",
    "model_of",
    "processes_apart",
    "remove",
    "step_to",
    "sum_over_processes",
    "together",
]
