"""Checks of the arguments of `Metrics`, when they are given."""

import inspect
import numbers
import os
from pathlib import Path

from kerascb_metrics.collect.given_data import GivenData


def check_given(metrics):
    """Check what goes with `validation_data`."""
    for name, idle in (
        ("validation_batch_size", None),
        ("validation_steps", None),
        ("validation_freq", 1),
        ("prefix", None),
    ):
        value = getattr(metrics, name)
        if metrics.uses_fit_validation and value != idle:
            raise ValueError(
                f"Metrics: {name}={value!r} goes with validation_data=, data of this callback's own. For the pass "
                "that fit() makes, pass it to fit()."
            )
    if not isinstance(metrics.prefix, str | None):
        raise ValueError(f"Metrics: prefix must be a string such as 'test_'; received {metrics.prefix!r}.")
    freq = metrics.validation_freq
    epochs = freq if isinstance(freq, list | tuple | set) else [freq]
    if not all(isinstance(epoch, int) and not isinstance(epoch, bool) and epoch > 0 for epoch in epochs):
        raise ValueError(
            f"Metrics: validation_freq must be a positive int or a list of epochs, counted from 1; received {freq!r}."
        )
    if inspect.isgenerator(metrics.validation_data) and metrics.validation_steps is None:
        raise ValueError(
            "Metrics: a generator as validation_data needs validation_steps=, the batches of one pass; it must yield "
            "for ever, for each epoch reads on."
        )
    if not metrics.uses_fit_validation:
        GivenData(metrics.validation_data, metrics.validation_batch_size, metrics.validation_steps)


def check_error_score(error_score):
    """Raise `ValueError` for what is neither a policy nor a number."""
    if isinstance(error_score, bool) or not isinstance(error_score, numbers.Real):
        check_choice("error_score", error_score, ("raise_first", "raise"), " or a number")


def check_log_file(log_file):
    """Raise `ValueError` for what is no name of a log file."""
    if not isinstance(log_file, str | os.PathLike | None):
        raise ValueError(f"Metrics: log_file must be a path such as 'scores.jsonl', or None; received {log_file!r}.")
    if log_file is not None and Path(log_file).suffix.lower() != ".jsonl":
        raise ValueError(f"Metrics: log_file must end in .jsonl, for it has a line an epoch; received {log_file!r}.")


def check_choice(name, value, choices, more=""):
    """Raise `ValueError` for a value that is none of the choices.

    >>> check_choice("verbose", "loud", ("auto", True, False))
    Traceback (most recent call last):
        ...
    ValueError: Metrics: verbose must be 'auto', True, False; received 'loud'.
    """
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
        raise ValueError(f"Metrics: {name} must be {', '.join(map(repr, choices))}{more}; received {value!r}.")
