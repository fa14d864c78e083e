"""`ResultRecord`: the scores of one set of rows, and what is kept of the rows. `Scores` is its public form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.regression_record import RegressionRecord
from kerascb_metrics.record.saved_run import Tallies
from kerascb_metrics.record.values import Bounds, Directions, Value


@dataclass(frozen=True, eq=False)
class ResultRecord:
    """The scores of one set of rows: of an epoch, a test set, or arrays.

    Attributes:
        values: score name → value. The arrays are those of the record: do not write to them.
        tallies: output → its `EpochRecord`, or None where it has none.
        bounds: score name → (lowest, highest), of the scores that have bounds.
        logs: what Keras itself logged, name → float.
        directions: score name → whether greater is better.
        settings: what was scored and how, name → text or number.
        epoch: the epoch, counted from 0; None if the rows are not those of an epoch.
        regressions: output → its `RegressionRecord`, of the regressions that have one.
    """

    values: Mapping[str, Value]
    tallies: Tallies = field(default_factory=dict)
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    logs: Mapping[str, float] = field(default_factory=dict)
    directions: Directions = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    epoch: int | None = None
    regressions: Mapping[str | None, RegressionRecord] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """What the scores are of, as the subject of a sentence.

        >>> ResultRecord({}, epoch=3).subject, ResultRecord({}).subject
        ('epoch 3', 'this result')
        """
        return "this result" if self.epoch is None else f"epoch {self.epoch}"

    def tally(self, output: str | None = None) -> EpochRecord:
        """Return the counts and curves of an output: its report and its plots are made from them.

        Args:
            output: the name of the output if the model has several.

        Raises:
            ValueError: if there is no such output, or it has no counts.
        """
        self._refuse_unknown(output)
        tally = self.tallies.get(output)
        if tally is None:
            raise ValueError(
                f"{self.subject} has no counts, so it has no plots of classes and no classification report: its task "
                "is a regression, which plot_prediction_error draws, or its scores are undefined."
            )
        return tally

    def regression(self, output: str | None = None) -> RegressionRecord:
        """Return the rows that are kept of an output of a regression.

        Args:
            output: the name of the output if the model has several.

        Raises:
            ValueError: if there is no such output, it is no regression, or no rows of it are kept.
        """
        self._refuse_unknown(output)
        if output in self.regressions:
            return self.regressions[output]
        tally = self.tallies.get(output)
        if tally is not None:
            raise ValueError(
                f"{self.subject} has no prediction errors: its task is {tally.kind}, and they are of a regression. "
                "plot_confusion draws the errors of classes."
            )
        raise ValueError(
            f"{self.subject} has no true and predicted values: its scores are undefined, or it comes from a file that "
            "holds none (.csv, or one that an earlier version wrote)."
        )

    def _refuse_unknown(self, output: str | None) -> None:
        """Raise `ValueError` if there is no such output."""
        if self.tallies and output not in self.tallies:
            if None in self.tallies:
                raise ValueError(f"there is a single output, without a name: leave output={output!r} out.")
            raise ValueError(f"output must be one of {', '.join(map(repr, self.tallies))}; received {output!r}.")
