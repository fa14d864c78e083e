"""A run as columns, one number per epoch: for .csv files, and as a pandas frame."""

from collections.abc import Iterable
from typing import Any

from kerascb_metrics.record.run_record import RunRecord


def columns(run: RunRecord) -> dict[str, list[float]]:
    """Return name → one number per epoch: the scalar scores, then what Keras logged; nan where there was no value.

    A log with the name of a score becomes `logs_<name>`, with more `logs_` in front while that name is in use too.
    """
    scores = {name: values for name, values in run.items() if run.is_scalar(name)}
    logged = _column_names(dict.fromkeys(name for logs in run.logs for name in logs), {"epoch", *scores})
    return {
        **scores,
        **{column: [logs.get(name, float("nan")) for logs in run.logs] for name, column in logged.items()},
    }


def _column_names(logged: Iterable[str], scores: set[str]) -> dict[str, str]:
    """Return name of a log → its column, which no score and no other log has."""
    used = {*scores, *logged}
    found = {}
    for name in logged:
        column = name
        if name in scores:
            while column in used:
                column = f"logs_{column}"
            used.add(column)
        found[name] = column
    return found


def frame_of(run: RunRecord) -> Any:
    """Return the columns as a `pandas.DataFrame`, one row per epoch.

    Raises:
        ImportError: without pandas.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            'ScoreHistory.to_frame needs pandas, which cannot be imported: pip install "kerascb_metrics[pandas]", or '
            "pip install pandas."
        ) from error
    table = columns(run)
    frame = pd.DataFrame(dict(enumerate(table.values())), index=pd.Index(run.epochs, name="epoch", dtype="int64"))
    try:
        frame.columns = pd.Index(list(table))
    except UnicodeEncodeError:  # pyarrow, which pandas may use, does not take lone surrogates
        frame.columns = pd.Index(list(table), dtype=object)
    return frame
