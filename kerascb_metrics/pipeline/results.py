"""What a user reads of a `Metrics`: its history, its lists, and how it prints."""

from collections.abc import Iterable
from html import escape
from typing import Any

from kerascb_metrics.collect.given_data import GivenData
from kerascb_metrics.collect.keras_internals import model_of
from kerascb_metrics.collect.model_facts import loss_and_output_names
from kerascb_metrics.collect.predictor import Predictor, problem_with
from kerascb_metrics.history import ScoreHistory
from kerascb_metrics.interpret.outputs import Outputs
from kerascb_metrics.options import Options
from kerascb_metrics.pipeline.fit_recorder import Recorder
from kerascb_metrics.pipeline.fit_start import known_outputs
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.record.log_keys import LogKeys
from kerascb_metrics.record.run_settings import score_names
from kerascb_metrics.score.plan import Plan
from kerascb_metrics.show.tables import printable


class Results:
    """The results of a `Metrics`, as attributes and methods of it."""

    options: Options
    _plan: Plan
    _keys: LogKeys
    _recorder: Recorder

    def __repr__(self) -> str:
        outputs = self._known_outputs
        kinds = None if outputs is None else self._plan.known_kinds(outputs)
        names = ", ".join(self.history or score_names(self._plan, self._outputs or (), kinds)) or "scores by output"
        return printable(f"Metrics({self._keys.prefix}…: {names}; {len(self.history.epochs)} epochs)")

    def __str__(self) -> str:
        return str(self.history) if self.history.epochs else repr(self)

    def _repr_html_(self) -> str:
        return self.history._repr_html_() if self.history.epochs else f"<code>{escape(repr(self))}</code>"

    @property
    def history(self) -> ScoreHistory:
        """The `ScoreHistory`: name → list of values, one per scored epoch. Each fit starts a new one."""
        return self._recorder.history

    @property
    def predictions(self) -> Predictions | dict[str, Predictions] | None:
        """The `Predictions` of the last scored epoch, in a dict by output if there are several; None before."""
        return self._recorder.predictions

    @property
    def f1s(self) -> list[Any]:
        """F1 of each scored epoch."""
        return self._values("f1")

    @property
    def precision(self) -> list[Any]:
        """Precision of each scored epoch."""
        return self._values("precision")

    @property
    def recall(self) -> list[Any]:
        """Recall of each scored epoch."""
        return self._values("recall")

    @property
    def kappa(self) -> list[Any]:
        """Cohen's kappa of each scored epoch."""
        return self._values("kappa")

    @property
    def auc(self) -> list[Any]:
        """Area under the ROC curve of each scored epoch."""
        return self._values("auc")

    @property
    def confusion(self) -> list[Any]:
        """Confusion matrix of each scored epoch, C × C, rows true, columns predicted."""
        return self._values("confusion")

    def monitor(self, name: str) -> dict[str, str]:
        """Return `{"monitor": …, "mode": …}` for a score, to unpack into any Keras callback or tuner.

        Args:
            name: the score, without prefix.

        Returns:
            The key of the score in `logs`, and "max" or "min".

        Raises:
            ValueError: if there is no such score, it has several values, or its direction is not known.

        >>> from kerascb_metrics import Metrics
        >>> Metrics().monitor("f1")
        {'monitor': 'val_f1', 'mode': 'max'}
        """
        return self._keys.monitor(name, self._outputs)

    def evaluate(
        self, model: Any, data: Any, *, batch_size: int | None = None, steps: int | None = None
    ) -> dict[str, Any]:
        """Score a model on other data, such as a test set, with the same scores.

        Other threads may predict with the model at the same time, but not train it; on JAX Keras allows neither. If
        several processes train together, each one scores the data that it is given.

        Args:
            model: a Keras model, compiled or not; or a function x → outputs, as the argument `model` of `Metrics`.
            data: as `validation_data`.
            batch_size: for arrays.
            steps: the number of batches to read from data without end.

        Returns:
            A dict, name → float or array: the confusion matrix, or one value per class.

        Raises:
            TypeError: if the first argument is neither a Keras model nor a function.
            CaptureError: if the model cannot predict the data.
            DataError: for targets, outputs or weights that cannot be scored.
            ScoringError: if a score fails.

        >>> import numpy as np, keras
        >>> from kerascb_metrics import Metrics
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])
        >>> x, y = np.array([[0.1], [0.8], [0.7]]), np.array([0, 1, 0])
        >>> Metrics(["precision", "recall"]).evaluate(model, (x, y))
        {'precision': 0.5, 'recall': 1.0}
        """
        problem = problem_with(model)
        if problem is not None:
            raise TypeError(f"Metrics.evaluate takes a Keras model or a function, then the data; {problem}.")
        predicting = Predictor(model).keras_model
        recorder = Recorder(self._plan, self.options.use_sample_weight, "raise", describe=lambda message: None)
        recorder.begin(0, loss_and_output_names(predicting))
        recorder.record(lambda: GivenData(data, batch_size, steps).predict(predicting, recorder.reader))
        return {name: values[0] for name, values in recorder.history.items()}

    def _values(self, name: str) -> list[Any]:
        known: Iterable[str] = self.history or self._plan.directions(self._outputs or ())
        of_output = f"{self.options.output}_{name}"
        if self.options.output is not None and of_output in known:
            name = of_output
        if name not in known:
            raise AttributeError(f"this Metrics has no score {name!r}; it has: {', '.join(known)}")
        return self.history.get(name, [])

    @property
    def _outputs(self) -> tuple[str, ...] | None:
        """The names of the model's outputs if there are several, () for one, None if they are not known."""
        outputs = self._known_outputs
        return None if outputs is None else outputs.names

    @property
    def _known_outputs(self) -> Outputs | None:
        """The outputs of the model that is scored, if they are known."""
        model = self.options.predicting(model_of(self))
        return None if model is None and self.options.model is not None else known_outputs(model)
