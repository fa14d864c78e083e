"""What a compiled loss says of the outputs: which task, and whether they are logits."""

import functools
from dataclasses import dataclass

import keras

_FAMILIES = {
    "binary": {"binary_crossentropy", "binary_focal_crossentropy"},
    "categorical": {
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "categorical_generalized_cross_entropy",
        "sparse_categorical_crossentropy",
    },
    "hinge": {"hinge", "squared_hinge"},
    "categorical_hinge": {"categorical_hinge"},
    "regression": {
        "cosine_similarity",
        "huber",
        "log_cosh",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_error",
        "mean_squared_logarithmic_error",
        "poisson",
    },
}


@dataclass(frozen=True)
class LossReading:
    """A loss as the tasks see it.

    Attributes:
        name: the name of the loss function, for messages.
        family: "binary", "categorical", "hinge", "categorical_hinge", "regression", or None where the loss is
            unknown.
        from_logits: whether the loss takes logits. An unknown loss counts as taking probabilities.
        ignore_class: the class that the loss leaves out, or None.
    """

    name: str = "unknown"
    family: str | None = None
    from_logits: bool = False
    ignore_class: int | None = None


def read_loss(loss):
    """Read one compiled loss: a name, a function, a partial of one, a `keras.losses.Loss`, or None.

    >>> read_loss("binary_crossentropy").family
    'binary'
    >>> read_loss(keras.losses.SparseCategoricalCrossentropy(from_logits=True)).from_logits
    True
    >>> read_loss(lambda y_true, y_pred: 0.0).family is None
    True
    """
    if loss is None:
        return LossReading("none")
    if isinstance(loss, str | dict):
        loss = keras.losses.get(loss)
    options = loss.keywords if isinstance(loss, functools.partial) else vars(loss)
    function = loss.func if isinstance(loss, functools.partial) else getattr(loss, "fn", loss)
    name = getattr(function, "__name__", type(loss).__name__)
    family = next((family for family, names in _FAMILIES.items() if name in names), None)
    return LossReading(name, family, bool(options.get("from_logits", False)), options.get("ignore_class"))
