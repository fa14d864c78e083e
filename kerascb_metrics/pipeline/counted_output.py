"""What a pass counts of an output whose rows are not kept: its tally, which rows were right, its groups."""

from collections.abc import Sequence

from kerascb_metrics.collect.processes import is_multi_process, number_of_process
from kerascb_metrics.insight.labelled_pass import LabelledPass, RightOrWrong
from kerascb_metrics.interpret.join import Rows
from kerascb_metrics.interpret.labeled_rows import LabeledRows
from kerascb_metrics.interpret.slices import Slicing
from kerascb_metrics.score.plan import OutputPlan
from kerascb_metrics.tally.sliced import SlicedCounts
from kerascb_metrics.tally.streaming import Accumulator, StreamingTally
from kerascb_metrics.tally.streaming_folds import FoldedAccumulator


class CountedOutput:
    """Adds up the rows of one output in one pass.

    Args:
        plan: the `OutputPlan`.
        slicings: what divides the samples into groups.

    Attributes:
        sliced: what was counted of the groups; None without groups.
    """

    def __init__(self, plan: OutputPlan, slicings: Sequence[Slicing]) -> None:
        self.sliced: SlicedCounts | None = None
        self._slicings = slicings
        self._sum = _accumulator(plan)
        self._right = RightOrWrong()

    def add(self, labeled: LabeledRows, dtype: str, rows: Rows) -> None:
        """Add some rows.

        Args:
            labeled: the rows.
            dtype: the name of the dtype that the model computed the outputs in.
            rows: the same before they were flattened.

        Raises:
            DataError: as in `Accumulator.add`.
        """
        part = self._sum.add(labeled, dtype, rows)
        if part is None:  # while the threshold is not chosen there are no labels
            return
        if not is_multi_process():
            self._right.add(part)
        if self._slicings:
            self.sliced = self.sliced or SlicedCounts(self._slicings)
            self.sliced.add(part)

    def tally(self) -> StreamingTally:
        """Return the `StreamingTally` of all rows so far; raise `DataError` as `Accumulator.tally` does."""
        return self._sum.tally()

    def labelled(self) -> LabelledPass | None:
        """Return which rows were right, see `RightOrWrong.labelled`."""
        return self._right.labelled()


def _accumulator(plan: OutputPlan) -> Accumulator | FoldedAccumulator:
    scoring = plan.scoring
    if scoring.chooses:
        return FoldedAccumulator(scoring.averages_precision, number_of_process())
    return Accumulator(scoring.ranks(plan.task.kind), scoring.averages_precision)
