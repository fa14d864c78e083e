"""What predicts given data if it is not the fitted model: another Keras model, or a function x → outputs."""

from collections.abc import Callable
from typing import Any

import keras
from keras import tree


class Predictor:
    """A Keras model, or a function x → outputs.

    A deep copy refers to the same model, because a copied model would not be trained. A pickle holds no model.

    Args:
        model: a `keras.Model`, or a function. A function is called with the `x` of each batch, as tensors of the
            backend, outside `jit` and without gradients; it returns a tensor, an array, or a structure of them.

    Raises:
        ValueError: for anything else.

    >>> Predictor("encoder")
    Traceback (most recent call last):
        ...
    ValueError: Metrics: model= must be a Keras model or a function x → outputs; received a str. ...
    """

    def __init__(self, model: Any) -> None:
        if isinstance(model, type) or not callable(model):
            kind = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
            raise ValueError(
                f"Metrics: model= must be a Keras model or a function x → outputs; received {kind}. Pass an object, as "
                "in Metrics(validation_data=(x, y), model=encoder)."
            )
        self.model = model
        self._keras_model = model if isinstance(model, keras.Model) else None

    def __repr__(self) -> str:
        return f"Predictor({self.model!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Predictor":
        return self

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Predictor, (_NotPickled(),)

    @property
    def keras_model(self) -> keras.Model:
        """The Keras model that predicts.

        Raises:
            ValueError: in a copy from a pickle.
        """
        if isinstance(self.model, _NotPickled):
            raise ValueError(
                "Metrics: model= is not part of a pickle, and this Metrics comes from one. Make a new one, as in "
                "Metrics(validation_data=(x, y), model=encoder)."
            )
        if self._keras_model is None:
            self._keras_model = _FunctionModel(self.model)
        return self._keras_model

    @property
    def known_model(self) -> keras.Model | None:
        """The Keras model if one was given; of a function nothing is known before it is called."""
        return self.model if isinstance(self.model, keras.Model) else None


class _NotPickled:
    """Stands for the model of a `Predictor` that was pickled."""

    def __call__(self, x: Any) -> Any:
        raise NotImplementedError


class _FunctionModel(keras.Model):
    """A model whose outputs are those of a function."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__(name="function", autocast=False)
        # Keras would track a layer, or the model of a bound method, as a part of this model.
        object.__setattr__(self, "outputs_of", function)
        self.run_eagerly = True  # what a function reads from elsewhere, such as weights, would be constants in a graph
        self.built = True  # Keras would call the function with symbols

    def call(self, x: Any) -> Any:
        """Return the outputs of the function."""
        return tree.map_structure(keras.ops.convert_to_tensor, self.outputs_of(x))
