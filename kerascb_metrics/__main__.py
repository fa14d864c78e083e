"""The command line: `python -m kerascb_metrics show scores.jsonl`.

`show` and `compare` import neither Keras nor scikit-learn, so they answer at once, also for the log of a run that is
still going.
"""

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kerascb_metrics import __version__

if TYPE_CHECKING:  # imported when a command needs it
    from kerascb_metrics.record.run_record import RunRecord


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with status 2."""
        _fail(f"{message}. For help: python -m kerascb_metrics --help")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    Args:
        arguments: those of the command line; None: `sys.argv`.

    Raises:
        SystemExit: with status 2 after an error, which is printed in one line.
    """
    given = _parser().parse_args(arguments)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            text = given.run(given)
        except Exception as error:  # whatever is wrong with a file, a traceback would not help to mend it
            _fail(_told(error))
    for warning in caught:
        print(f"kerascb_metrics: {_one_line(str(warning.message).removeprefix('Metrics: '))}", file=sys.stderr)
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m kerascb_metrics", description="Show and compare the scores of runs.")
    parser.add_argument("--version", action="version", version=f"kerascb_metrics {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    show = commands.add_parser("show", help="print the scores of each epoch, the best one marked")
    show.add_argument("file", help="a .json, .jsonl or .csv file of scores, also the log of a run that is still going")
    show.set_defaults(run=_show)
    report = commands.add_parser("report", help="write the HTML page of a run")
    report.add_argument("file", help="as in show")
    report.add_argument("-o", "--output", default="report.html", help="the page (default: report.html)")
    report.set_defaults(run=_report)
    compare = commands.add_parser("compare", help="print the best and the last value of a score in several runs")
    compare.add_argument("files", nargs="+", metavar="file", help="as in show; one per run")
    compare.add_argument("--score", help="such as f1 (default: the first score that has a best)")
    compare.add_argument("-o", "--output", help="a picture of the score by epoch, such as runs.png")
    compare.set_defaults(run=_compare)
    return parser


def _show(given: argparse.Namespace) -> str:
    from kerascb_metrics.show.tables import text_table

    run = _load(given.file)
    return text_table(run) if run.epochs else f"{given.file}: no epoch was scored yet"


def _report(given: argparse.Namespace) -> str:
    from kerascb_metrics.record.atomic_write import write_whole
    from kerascb_metrics.show.report.render import report_page

    write_whole(given.output, report_page(_load(given.file), Path(given.file).stem).encode(errors="replace"))
    return f"{given.output}: open it in a browser"


def _compare(given: argparse.Namespace) -> str:
    from kerascb_metrics.show.runs import RunComparison

    names = [Path(file).stem for file in given.files]
    names = names if len(set(names)) == len(names) else given.files
    if len(set(names)) < len(names):
        raise ValueError("compare: the same file is there twice.")
    runs = RunComparison({name: _load(file) for name, file in zip(names, given.files, strict=True)})
    text = runs.table(given.score)
    if given.output is not None:
        import matplotlib

        matplotlib.use("Agg")
        runs.plot(given.score).figure_.savefig(given.output, dpi=120)
        text += f"\n{given.output}: written"
    return text


def _load(path: str) -> "RunRecord":
    from kerascb_metrics.record.files import load
    from kerascb_metrics.record.run_record import RunRecord

    run = RunRecord()
    run.restore(load(path))
    return run


def _told(error: Exception) -> str:
    """Return what went wrong, in words."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, KeyError) and error.args:
        return str(error.args[0])
    known = isinstance(error, ValueError | ImportError)
    return str(error) if known else f"{type(error).__name__}: {error}"


def _fail(message: str) -> NoReturn:
    print(f"kerascb_metrics: {_one_line(message)}", file=sys.stderr)
    raise SystemExit(2)


def _one_line(message: str) -> str:
    return " ".join(message.split())


if __name__ == "__main__":
    main()
