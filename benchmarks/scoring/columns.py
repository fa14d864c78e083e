"""Tasks with several columns: the panel, and the AUC alone."""

from dataclasses import dataclass

from benchmarks.compared import references
from benchmarks.compared.data import Rows
from benchmarks.compared.ours import column_auc, counting, layout, panel
from benchmarks.harness.table import as_fast, as_long, missing
from benchmarks.harness.timing import interleave

AUC_AT_MOST_SORTS = {100_000: 1.8, 1_000_000: 1.3}  # with two cores; the columns are sorted one after the other
AUC_AT_LEAST_AS_FAST = 20


@dataclass(frozen=True)
class Columns:
    """A task with several columns.

    Attributes:
        case: its name in the table.
        rows: its arrays.
        reading: the task and the loss, as in `ours`.
        calls: the name of scikit-learn's calls in the table.
        auc_options: the options of `roc_auc_score`.
        torchmetrics: the options of a torchmetrics collection.
    """

    case: str
    rows: Rows
    reading: tuple
    calls: str
    auc_options: dict
    torchmetrics: dict

    def measure(self):
        """Return the rows of the table."""
        times, n = interleave({**self._cases(), **self._torchmetrics()}), len(self.rows.labels)
        whole, auc, sort = times.of("panel"), times.of("our auc"), times.of("sort")
        name, alone = f"{self.case} panel, macro", f"{self.case} AUC alone"
        note = times.note("labels", "auc")
        parts = f"{1e3 * times.of('layout'):.1f} ms copy the columns, {1e3 * times.of('counting'):.1f} ms count"
        why = f"{parts}; each column is packed, sorted and searched for ties and the points of the curve"
        return [
            as_long(name, n, whole, "np.sort of every column", sort),
            as_fast(name, n, whole, self.calls, times.of("labels", "auc"), note=note),
            *self._against_torchmetrics(name, times),
            as_long(alone, n, auc, "np.sort of every column", sort, AUC_AT_MOST_SORTS.get(n), why=why),
            as_fast(
                alone,
                n,
                auc,
                "scikit-learn's roc_auc_score",
                times.of("auc"),
                AUC_AT_LEAST_AS_FAST,
                note=times.note("auc"),
                why=why,
            ),
        ]

    def _cases(self):
        return {
            "panel": panel(self.rows, self.reading),
            "our auc": column_auc(self.rows, self.reading),
            "layout": layout(self.rows, self.reading),
            "counting": counting(self.rows, self.reading),
            "sort": references.sort_columns(self.rows),
            "labels": references.label_calls(self.rows, average="macro", zero_division=0),
            "auc": references.auc_call(self.rows, average="macro", **self.auc_options),
        }

    def _torchmetrics(self):
        if not references.has_torchmetrics():
            return {}
        return {"torchmetrics": references.torchmetrics_collection(self.rows, **self.torchmetrics)}

    def _against_torchmetrics(self, name, times):
        if "torchmetrics" not in times.rounds:
            return [missing(f"{name}, against torchmetrics", "torchmetrics is not installed")]
        theirs, note = times.of("torchmetrics"), times.note("torchmetrics")
        return [as_fast(name, len(self.rows.labels), times.of("panel"), "torchmetrics, the same", theirs, note=note)]
