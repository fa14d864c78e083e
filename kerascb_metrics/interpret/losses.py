"""What a compiled loss tells about an output: the task, whether the output is logits, which class is left out."""

import functools
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerascb_metrics.collect.keras_internals import axis_of
from kerascb_metrics.interpret.kinds import LossFamily

# The loss functions of Keras by family, with the options that change what the output means. One line per loss.
_FAMILIES: dict[LossFamily, dict[str, tuple[str, ...]]] = {
    "binary": {
        "binary_crossentropy": ("from_logits",),
        "binary_focal_crossentropy": ("from_logits",),
    },
    "categorical": {
        "categorical_crossentropy": ("from_logits",),
        "categorical_focal_crossentropy": ("from_logits",),
        "categorical_generalized_cross_entropy": (),
        "sparse_categorical_crossentropy": ("from_logits", "ignore_class"),
    },
    "hinge": {"hinge": (), "squared_hinge": ()},
    "categorical_hinge": {"categorical_hinge": ()},
    "regression": {
        "cosine_similarity": (),
        "huber": (),
        "log_cosh": (),
        "mean_absolute_error": (),
        "mean_absolute_percentage_error": (),
        "mean_squared_error": (),
        "mean_squared_logarithmic_error": (),
        "poisson": (),
    },
}
_OPTIONS = {"from_logits": False, "ignore_class": None, "axis": -1}
# Keras's losses for outputs that are neither classes in columns nor numbers.
_OTHERS = ("circle", "Circle", "ctc", "CTC")
# Names for which Keras chooses the binary, the sparse or the categorical crossentropy by the shapes.
_BY_SHAPE = ("crossentropy", "ce")


@dataclass(frozen=True)
class LossReading:
    """A loss as the tasks see it.

    Attributes:
        name: the name of the loss function, for messages.
        family: the family; None if the loss is unknown.
        from_logits: whether the loss takes logits. An unknown loss is assumed to take probabilities.
        ignore_class: the class that the loss leaves out, or several, or None.
        problem: why the loss cannot be read; empty if it can.
        axis: the axis of the outputs that holds the classes.
    """

    name: str = "unknown"
    family: LossFamily | None = None
    from_logits: bool = False
    ignore_class: float | tuple[float, ...] | None = None
    problem: str = ""
    axis: int = -1


def read_losses(losses: Sequence[Any]) -> LossReading:
    """Read the losses of one output. If there are several, Keras adds them up.

    Args:
        losses: compiled losses, each as `read_loss` takes it.

    >>> read_losses([])
    LossReading(name='none', family=None, from_logits=False, ignore_class=None, problem='', axis=-1)
    >>> read_losses(["binary_crossentropy", lambda y_true, y_pred: 0.0]).family
    'binary'
    """
    readings = [read_loss(loss) for loss in losses] or [LossReading("none")]
    if len(readings) == 1:
        return readings[0]
    name = " + ".join(reading.name for reading in readings)
    problem = next((reading.problem for reading in readings if reading.problem), "")
    # A custom loss tells nothing. The others must agree.
    meanings = {(reading.family, reading.from_logits, reading.ignore_class) for reading in readings}
    meanings.discard((None, False, None))
    if len(meanings) > 1 and not problem:
        problem = f"the losses {name} of this output contradict each other"
    family, from_logits, ignore_class = meanings.pop() if len(meanings) == 1 else (None, False, None)
    axis = next((reading.axis for reading in readings if reading.axis != -1), -1)
    return LossReading(name, family, from_logits, ignore_class, problem, axis)


def read_loss(loss: Any) -> LossReading:
    """Read one compiled loss.

    Args:
        loss: a name, a function, a `functools.partial` of one, a `keras.losses.Loss` (object or class), or None.

    Returns:
        The reading. It never raises for a loss that Keras accepts: `problem` tells why a loss cannot be read.

    >>> read_loss("binary_crossentropy").family
    'binary'
    >>> read_loss(keras.losses.SparseCategoricalCrossentropy(from_logits=True)).from_logits
    True
    >>> read_loss(lambda y_true, y_pred: 0.0).family is None
    True
    """
    if loss is None:
        return LossReading("none")
    if isinstance(loss, str):
        if loss.lower() in _BY_SHAPE:
            return LossReading(loss, "crossentropy")
        loss = keras.losses.get(loss)
    if isinstance(loss, type) and issubclass(loss, keras.losses.Loss):
        loss = keras.losses.get(loss)  # makes an object of it, as `compile` does
    if isinstance(loss, keras.losses.Loss):
        return _read_object(loss)
    options = loss.keywords if isinstance(loss, functools.partial) else {}
    function = loss.func if isinstance(loss, functools.partial) else loss
    function = getattr(function, "__self__", function)  # the method of a loss object
    if isinstance(function, keras.losses.Loss):
        return _read_object(function)
    name, (family, _) = _name_of(function), _known_function(function)
    if _is_other(function):
        return _other(name)
    return _reading(name, family, {**_OPTIONS, **options})


def _read_object(loss: keras.losses.Loss) -> LossReading:
    """Read a loss object of one of Keras's classes, of a subclass, or of a custom class."""
    options = _options_of(loss)
    if any(map(_is_other, type(loss).__mro__)):
        return _other(_name_of(loss))
    if _wraps_a_function(loss):
        family, needed = _known_function(loss.fn)
        name = _name_of(loss.fn)
    else:
        known = _known_class(type(loss))
        family, needed = (None, ()) if known is None else _known_name(known)
        name = known or _name_of(loss)
    missing = [option for option in needed if option not in options]
    if missing:
        problem = (
            f"{' and '.join(missing)} of the loss {type(loss).__name__} (Keras {keras.__version__}) cannot be read: "
            "neither its get_config() nor an attribute has it"
        )
        return LossReading(name, problem=problem)
    return _reading(name, family, {**_OPTIONS, **options})


def _wraps_a_function(loss: keras.losses.Loss) -> bool:
    """Return whether the loss is Keras's wrapper of a function (it has no public name), not of a subclass."""
    return type(loss).__name__ == "LossFunctionWrapper" and callable(getattr(loss, "fn", None))


def _reading(name: str, family: LossFamily | None, options: dict[str, Any]) -> LossReading:
    ignore_class, from_logits = options["ignore_class"], options["from_logits"]
    if ignore_class is False:  # a switch that is off
        ignore_class = None
    if isinstance(ignore_class, list | tuple | np.ndarray):
        ignore_class = tuple(np.ravel(np.asarray(ignore_class, dtype=object)).tolist())
    given = ignore_class if isinstance(ignore_class, tuple) else () if ignore_class is None else (ignore_class,)
    if not all(map(_is_number, given)):
        return LossReading(name, problem=f"ignore_class of the loss {name} must be numbers; received {ignore_class!r}")
    if np.ndim(from_logits):
        return LossReading(name, problem=f"from_logits of the loss {name} must be True or False; received an array")
    axis = int(options["axis"]) if family == "categorical" else -1
    return LossReading(name, family, bool(from_logits), ignore_class, axis=axis)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)  # NumPy's scalars too


def _is_other(value: Any) -> bool:
    return any(value is getattr(keras.losses, name, _OTHERS) for name in _OTHERS)


def _other(name: str) -> LossReading:
    return LossReading(name, problem=f"the loss {name} does not tell what the outputs are")


def _options_of(loss: keras.losses.Loss) -> dict[str, Any]:
    """Return the options of a loss object from its configuration (the public way), else from its attributes."""
    try:
        config = loss.get_config()
    except Exception:  # a custom class may lack it, and may raise anything
        config = {}
    config = config if isinstance(config, dict) else {}
    # The wrapper's configuration holds all options that differ from the defaults of its function.
    defaults = _OPTIONS if _wraps_a_function(loss) and "fn" in config else {}
    found = {"axis": axis_of(loss), **defaults, **vars(loss), **config}
    return {option: found[option] for option in _OPTIONS if option in found}


def _known_function(function: Any) -> tuple[LossFamily | None, tuple[str, ...]]:
    """Return the family and the options of one of Keras's functions, by identity: a custom one may have its name."""
    name = getattr(function, "__name__", None)
    if name is None or getattr(keras.losses, name, None) is not function:
        return None, ()
    return _known_name(name)


def _known_name(name: str) -> tuple[LossFamily | None, tuple[str, ...]]:
    return next(((family, known[name]) for family, known in _FAMILIES.items() if name in known), (None, ()))


@functools.cache
def _classes() -> dict[type, str]:
    """Return the loss classes of Keras → the names of their functions."""
    names = [name for known in _FAMILIES.values() for name in known]
    by_class = {"".join(word.capitalize() for word in name.split("_")): name for name in names}
    return {getattr(keras.losses, cls): name for cls, name in by_class.items() if hasattr(keras.losses, cls)}


def _known_class(cls: type) -> str | None:
    return next((_classes()[base] for base in cls.__mro__ if base in _classes()), None)


def _name_of(value: Any) -> str:
    return getattr(value, "__name__", type(value).__name__)
