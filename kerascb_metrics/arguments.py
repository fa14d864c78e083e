"""Checks of the arguments of `Metrics`, when they are given."""

import inspect

from kerascb_metrics import capture


def check_given(metrics):
    """Check what goes with `validation_data`."""
    for name, idle in (
        ("validation_batch_size", None),
        ("validation_steps", None),
        ("validation_freq", 1),
        ("prefix", None),
    ):
        value = getattr(metrics, name)
        if metrics.wants_pass and value != idle:
            raise ValueError(
                f"Metrics: {name}={value!r} goes with validation_data=, data of this callback's own. For the pass "
                "that fit() makes, pass it to fit()."
            )
    if not isinstance(metrics.prefix, str | None):
        raise ValueError(f"Metrics: prefix must be a string such as 'test_'; received {metrics.prefix!r}.")
    freq = metrics.validation_freq
    if not ((isinstance(freq, int) and freq > 0) or isinstance(freq, list | tuple | set)):
        raise ValueError(f"Metrics: validation_freq must be a positive int or a list of epochs; received {freq!r}.")
    if inspect.isgenerator(metrics.validation_data) and metrics.validation_steps is None:
        raise ValueError(
            "Metrics: a generator as validation_data needs validation_steps=, the batches of one pass; it must yield "
            "for ever, for each epoch reads on."
        )
    if not metrics.wants_pass:
        capture.GivenData(metrics.validation_data, metrics.validation_batch_size, metrics.validation_steps)


def check_choice(name, value, choices, more=""):
    """Raise `ValueError` for a value that is none of the choices.

    >>> check_choice("verbose", "loud", ("auto", True, False))
    Traceback (most recent call last):
        ...
    ValueError: Metrics: verbose must be 'auto', True, False; received 'loud'.
    """
    if value not in choices:
        raise ValueError(f"Metrics: {name} must be {', '.join(map(repr, choices))}{more}; received {value!r}.")
