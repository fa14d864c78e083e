"""The files that one fit writes: the log file, which it may resume, and the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from kerascb_metrics.collect.processes import in_all_processes, is_first_process, of_first_process
from kerascb_metrics.options import Options
from kerascb_metrics.pipeline.fit_recorder import Recorder
from kerascb_metrics.record.log_file import LogFile, open_log
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.saved_run import SavedRun
from kerascb_metrics.show.report.report_file import ReportFile, open_report

# What processes that train together do, for the error if one of them fails.
_RESUMING = "resuming the log file"


@dataclass(eq=False)
class FilesOfFit:
    """The files of one fit, as far as they were asked for; before it begins there are none.

    Attributes:
        log: the `LogFile`, or None.
        report: the `ReportFile`, or None.
        may_resume: whether the fit has not yet looked for earlier epochs in the log file.
    """

    log: LogFile | None = None
    report: ReportFile | None = None
    may_resume: bool = False

    @classmethod
    def of(cls, options: Options, others: Sequence[Options], warn: Callable[[object, str], None]) -> Self:
        """Return the files of a fit that begins.

        Args:
            options: those of a `Metrics`.
            others: those of each other `Metrics` of the fit.
            warn: called with (topic, sentence) for a warning.

        Raises:
            OSError: for a file that cannot be written.
            ValueError: if another `Metrics` writes the same file.
        """
        log = open_log(options.log_file, [other.log_file for other in others], warn)
        report = open_report(options.report_file, [other.report_file for other in others], warn)
        return cls(log, report, may_resume=True)

    def resume(self, epoch: int | None, recorder: Recorder) -> None:
        """Continue the log file of the first process, which may be the only one that has it; once in a fit.

        Args:
            epoch: the first one of the fit; None: it trains none.
            recorder: what records the fit.
        """
        if self.may_resume:
            self.may_resume = False
            own = in_all_processes(_RESUMING, lambda: self._saved_run(epoch, recorder.run.settings))
            recorder.continue_from(of_first_process(_RESUMING, own))

    def _saved_run(self, epoch: int | None, settings: dict[str, Any]) -> SavedRun | None:
        return None if self.log is None or not is_first_process() else self.log.resume(epoch, settings)

    def write(self, run: RunRecord) -> None:
        """Write what was recorded, the last epoch included."""
        if self.log is not None:
            self.log.write(run)
        if self.report is not None:
            self.report.write(run)
