"""What is checked when a fit of several processes begins: all must validate and score in the same way."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import keras

from kerascb_metrics.collect.keras_internals import fit_validation_arguments
from kerascb_metrics.collect.processes import bytes_of_processes, is_multi_process
from kerascb_metrics.collect.shards import refuse_other_batches
from kerascb_metrics.exceptions import CaptureError
from kerascb_metrics.options import Options

# What may differ between processes: each has its own data, and the first one writes.
_OF_PROCESS = ("validation_data", "validation_batch_size", "slices", "log_file", "report_file", "verbose")


def refuse_other_fit(model: Any, listed: Sequence[Options], *, uses_fit_validation: bool) -> None:
    """Raise `CaptureError` if the processes that train together would not score alike; all of them call this.

    Args:
        model: the model that the fit trains.
        listed: the options of every `Metrics` of the fit.
        uses_fit_validation: whether fit's own validation pass is scored.
    """
    if not is_multi_process():
        return
    asked = fit_validation_arguments(model)
    data, steps = asked.get("validation_data"), asked.get("validation_steps")
    facts = {name: asked[name] for name in ("validation_freq", "validation_steps", "epochs") if name in asked}
    _refuse_different(
        {
            "validation data": "given" if data is not None else "none",
            **{name: _in_words(value) for name, value in facts.items()},
            "Metrics in callbacks": str(len(listed)),
            **{
                f"{name} of Metrics" + f" {place}" * (len(listed) > 1): _in_words(value)
                for place, options in enumerate(listed)
                for name, value in _options(options).items()
            },
        }
    )
    if uses_fit_validation and data is not None:
        x, y = data, None
        if isinstance(data, tuple | list):
            x, y, _ = keras.utils.unpack_x_y_sample_weight(tuple(data))
        size = asked.get("validation_batch_size") or asked.get("batch_size")
        refuse_other_batches(x if y is None else (x, y), size, steps)


def _refuse_different(own: Mapping[str, str]) -> None:
    """Raise if the facts of the processes differ, with the first one that does."""
    by_process = [json.loads(text) for text in bytes_of_processes("the start of a fit", json.dumps(own).encode())]
    for name in dict.fromkeys(name for facts in by_process for name in facts):
        found = [facts.get(name, "none") for facts in by_process]
        if len(set(found)) > 1:
            each = ", ".join(f"{value} in process {index}" for index, value in enumerate(found))
            raise CaptureError(
                "Metrics: processes that train together must call fit and list Metrics with the same arguments; "
                f"{name}: {each}."
            )


def _options(options: Options) -> dict[str, Any]:
    return {field.name: getattr(options, field.name) for field in fields(options) if field.name not in _OF_PROCESS}


def _in_words(value: Any) -> str:
    """Return a value in words that are the same in every process: without addresses of objects."""
    if value is None or isinstance(value, str | bool | int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_in_words(key)}: {_in_words(own)}" for key, own in value.items()) + "}"
    if isinstance(value, set | frozenset):
        return _in_words(sorted(value, key=repr))
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_in_words, value)) + "]"
    text = repr(value)
    return getattr(value, "__qualname__", type(value).__qualname__) if " at 0x" in text else text
