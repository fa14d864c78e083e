"""A run as a file holds it: what the readers return, and what a fit resumes."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from kerascb_metrics.insight.labelled_pass import PassRows
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.packed_record import StoredRecord
from kerascb_metrics.record.regression_record import RegressionRecord
from kerascb_metrics.record.values import Bounds, Directions, Value

# The counts and curves of one epoch, by output. None as a key: the only output; as a value: it has no counts.
Tallies: TypeAlias = dict[str | None, EpochRecord | None]
# The same as it is kept: large records are packed.
KeptTallies: TypeAlias = dict[str | None, StoredRecord]


@dataclass(frozen=True, slots=True)
class SavedLabels:
    """What an epoch predicted for the rows of an output.

    Attributes:
        y_pred: see `LabelledPass`.
        fingerprint: that of the rows.
        rows: the rows, once per file; None: those of another epoch.
    """

    y_pred: np.ndarray
    fingerprint: int
    rows: PassRows | None = None


@dataclass(frozen=True, slots=True)
class SavedEpoch:
    """One epoch as a file holds it.

    Attributes:
        epoch: counted from 0.
        values: score name → value.
        logs: what Keras itself logged, name → float.
        tallies: the counts and curves, by output.
        bounds: score name → (lowest, highest).
        labels: the predicted labels, by output; empty if the file holds none.
        regressions: some rows of the regressions, by output.
    """

    epoch: int
    values: dict[str, Value]
    logs: dict[str, float]
    tallies: KeptTallies
    bounds: dict[str, Bounds]
    labels: dict[str | None, SavedLabels] = field(default_factory=dict)
    regressions: dict[str | None, RegressionRecord] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run as a file holds it.

    Attributes:
        settings: what was scored and how, name → text or number.
        directions: score name → whether greater is better.
        epochs: the scored epochs; their numbers rise.
    """

    settings: dict[str, Any]
    directions: Directions
    epochs: tuple[SavedEpoch, ...]
