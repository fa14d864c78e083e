"""Scores that a resumed log file and the fit that resumes it do not have in common."""

from kerascb_metrics.pipeline.epoch_result import EpochResult
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.record.values import is_number
from kerascb_metrics.show.tables import names_in_words


def other_scores(run: RunRecord, epoch: int, result: EpochResult) -> str | None:
    """Return a warning for the scores that are nan before or after a fit resumed its log file; None without any.

    Args:
        run: the epochs in the file.
        epoch: the first epoch of the fit, counted from 0.
        result: what was scored in it.
    """
    new = [name for name in result.values if name not in run]
    parts = tuple(f"{name}_" for name in _without_classes(run, result))  # these come back in a later epoch
    gone = [name for name in run if name not in result.values and not name.startswith(parts)]
    earlier = names_in_words(map(str, run.epochs))
    sentences = [f"In epochs {earlier} these are recorded as nan: {names_in_words(new)}."] if new else []
    sentences += [f"From epoch {epoch} on these are recorded as nan: {names_in_words(gone)}."] if gone else []
    if not sentences:
        return None
    return (
        f"the log file that this fit resumes has other scores. {' '.join(sentences)} Epochs are counted from 0. Pass "
        "the arguments of the earlier fit to have every score in every epoch."
    )


def _without_classes(run: RunRecord, result: EpochResult) -> list[str]:
    """Return the scores that have several values in the file, and failed or are undefined now: one number for all."""
    return [
        name for name, value in result.values.items() if name in run and is_number(value) and not run.is_scalar(name)
    ]
