"""The HTML report of a fit that is going on: rewritten after each scored epoch."""

import os
from collections.abc import Callable, Iterable

from kerascb_metrics.collect.processes import is_first_process
from kerascb_metrics.record.atomic_write import FilePath, naming_path, refuse_shared, refuse_unwritable, write_whole
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.report.render import report_page


def open_report(
    path: FilePath | None, others: Iterable[FilePath | None], warn: Callable[[object, str], None]
) -> "ReportFile | None":
    """Return the `ReportFile` of a fit that begins; None without a path.

    Args:
        path: the `report_file` of a `Metrics`.
        others: the `report_file` of each other `Metrics` of the fit.
        warn: called with (topic, sentence) for a warning.

    Raises:
        OSError: as `ReportFile.check`.
        ValueError: if another `Metrics` writes the same file.
    """
    if path is None:
        return None
    report = ReportFile(path, warn)
    report.check()
    refuse_shared("report_file", path, others)
    return report


class ReportFile:
    """Writes the page of the epochs so far, so that the file is a whole page at any time. The first process writes.

    Args:
        path: the file.
        warn: called with (topic, sentence) for a warning.
    """

    def __init__(self, path: FilePath, warn: Callable[[object, str], None]) -> None:
        self.path = path
        # Absolute, because the working directory may change during the fit.
        self._file = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
        self._warn = warn
        self._writes = is_first_process()

    def check(self) -> None:
        """Raise `OSError` before training if there is no such directory, or the file cannot be written."""
        if not self._writes:
            return
        try:
            refuse_unwritable(self.path)
        except OSError as error:
            raise naming_path(error, self.path) from error

    def write(self, run: RunRecord) -> None:
        """Write the page of a run; an error becomes one warning per fit.

        Args:
            run: the record of the fit, with at least one epoch.
        """
        if not self._writes:
            return
        try:
            write_whole(self._file, report_page(run).encode(errors="replace"))
        except Exception as error:  # whatever it is, a page must not end a long run
            self._warn(
                "report_file",
                f"cannot write {os.fspath(self.path)} after epoch {run.epochs[-1]} (counted from 0): "
                f"{str(error).removesuffix('.')}. Training continues; history.save_report(…) writes the page later. "
                "This warning appears once per fit.",
            )
