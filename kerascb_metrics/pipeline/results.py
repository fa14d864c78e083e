"""What a user reads of a `Metrics`: its history, its lists, and how it prints."""

from collections.abc import Iterable
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from kerascb_metrics.collect.given_data import GivenData
from kerascb_metrics.collect.keras_internals import model_of
from kerascb_metrics.collect.model_facts import ModelFacts, loss_and_output_names
from kerascb_metrics.collect.predictor import Predictor, problem_with
from kerascb_metrics.collect.processes import in_all_processes
from kerascb_metrics.history import ScoreHistory
from kerascb_metrics.interpret.outputs import Outputs
from kerascb_metrics.options import Options
from kerascb_metrics.pipeline.arrays_at_hand import data_of, pass_of_arrays, refuse_labels
from kerascb_metrics.pipeline.fit_recorder import SCORING, Recorder
from kerascb_metrics.pipeline.fit_start import known_outputs
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.record.log_keys import LogKeys
from kerascb_metrics.record.run_settings import score_names
from kerascb_metrics.record.unknown_score import attribute_of
from kerascb_metrics.score.plan import Plan
from kerascb_metrics.scores import Scores
from kerascb_metrics.show.tables import names_in_words, printable


class Results:
    """The results of a `Metrics`, as attributes and methods of it."""

    options: Options
    _plan: Plan
    _keys: LogKeys
    _recorder: Recorder

    def __repr__(self) -> str:
        outputs = self._known_outputs
        kinds = None if outputs is None else self._plan.known_kinds(outputs)
        names = self.history or score_names(self._plan, self._outputs or (), kinds) or ["scores by output"]
        return f"Metrics({printable(self._keys.prefix)}…: {names_in_words(names)}; {len(self.history.epochs)} epochs)"

    def __str__(self) -> str:
        # Keras has this text in its errors for `compile(metrics=[Metrics()])`.
        usage = ", a callback: pass it to fit(callbacks=[…])"
        return str(self.history) if self.history.epochs else f"{self!r}{usage}"

    def _repr_html_(self) -> str:
        return self.history._repr_html_() if self.history.epochs else f"<code>{escape(repr(self))}</code>"

    if not TYPE_CHECKING:  # a type checker shall know the attributes that there are

        def __getattr__(self, name: str) -> Any:
            known = self.history if "_recorder" in vars(self) else ()
            return attribute_of(self, name, known, "metrics.history")

    @property
    def history(self) -> ScoreHistory:
        """The `ScoreHistory`: name → list of values, one per scored epoch. Each fit starts a new one."""
        return self._recorder.history

    @property
    def predictions(self) -> Predictions | dict[str, Predictions] | None:
        """The `Predictions` of the last scored epoch, in a dict by output if there are several; None before.

        Raises:
            MissingRowsError: a `ValueError`, with `memory="bounded"`, and if `memory="auto"` kept counts only.
        """
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

    def objective(self, name: str) -> Any:
        """Return the objective of a KerasTuner search: the key of a score in `logs`, and its direction.

        Args:
            name: the score, without prefix.

        Returns:
            A `keras_tuner.Objective`, as in `RandomSearch(objective=metrics.objective("f1"), …)`.

        Raises:
            ImportError: without keras_tuner.
            ValueError: as `monitor`.

        >>> import pytest; keras_tuner = pytest.importorskip("keras_tuner")
        >>> from kerascb_metrics import Metrics
        >>> objective = Metrics().objective("f1")
        >>> objective.name, objective.direction
        ('val_f1', 'max')
        """
        monitored = self.monitor(name)
        try:
            import keras_tuner
        except ImportError as error:
            raise ImportError("Metrics.objective needs KerasTuner: pip install keras-tuner") from error
        return keras_tuner.Objective(monitored["monitor"], monitored["mode"])

    def evaluate(
        self,
        model: Any,
        x: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        *,
        data: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
    ) -> Scores:
        """Score a model on other data, such as a test set, with the same scores.

        Other threads may predict with the model at the same time, but not train it; on JAX Keras allows neither. If
        several processes train together, each one scores the data that it is given.

        Args:
            model: a Keras model, compiled or not; or a function x → outputs, as the argument `model` of `Metrics`.
            x: inputs, with `y`; or, without it, data of any kind that `validation_data` of `Metrics` can be: `(x, y)`,
                a dataset, a PyDataset, ….
            y: targets.
            sample_weight: weights; only with `y`.
            data: another name of `x`, for data that contain the targets.
            batch_size: for arrays.
            steps: the number of batches to read from data without end.

        Returns:
            The `Scores`: a mapping, name → float or array, with reports and plots.

        Raises:
            TypeError: if the first argument is neither a Keras model nor a function, or there are no data.
            CaptureError: if the model cannot predict the data.
            DataError: for targets, outputs or weights that cannot be scored.
            ScoringError: if a score fails.

        >>> import numpy as np, keras
        >>> from kerascb_metrics import Metrics
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])
        >>> x, y = np.array([[0.1], [0.8], [0.7]]), np.array([0, 1, 0])
        >>> Metrics(["precision", "recall"]).evaluate(model, x, y)
        Scores(precision=0.5000, recall=1.0000)
        """
        problem = problem_with(model, "metrics.evaluate(model, x, y)")
        if problem is not None:
            raise TypeError(f"Metrics.evaluate takes a Keras model or a function, then the data; {problem}.")
        given = GivenData(data_of(x, y, sample_weight, data), batch_size, steps)
        predicting = Predictor(model).keras_model
        recorder = self._recorder_of("Metrics.evaluate", self._plan)
        recorder.begin(0, loss_and_output_names(predicting))
        in_all_processes(SCORING, lambda: recorder.record(lambda: given.predict(predicting, recorder.reader)))
        return recorder.scores_of_last_pass()

    def score(self, y_true: Any, y_pred: Any, sample_weight: Any = None, mask: Any = None) -> Scores:
        """Score arrays: outputs of a training loop of your own, of another library, or of a file.

        No model is needed, and an earlier fit has no influence. Without a compiled loss the meaning of the outputs is
        read from their shape and values; `task=` of `Metrics` tells it, such as `Binary(from_logits=True)`.

        Args:
            y_true: targets, (N, …): a NumPy array, a tensor of any framework, a list, or a column of pandas. With
                several outputs a dict by output, as the other arguments.
            y_pred: outputs, (N, …), as a model returns them: probabilities, logits or values; not labels.
            sample_weight: None, or weights, as Keras takes them: (N,), or one per position.
            mask: None, or (N, …) True where a position counts.

        Returns:
            The `Scores`: a mapping, name → float or array, with reports, plots, and the arrays as `predictions`.

        Raises:
            DataError: for arrays that do not fit each other, or cannot be scored.
            ScoringError: if a score fails.
            ValueError: if a score is not defined for the task.

        >>> from kerascb_metrics import Metrics
        >>> scores = Metrics(["f1", "auc"]).score(y_true=[0, 1, 1, 0], y_pred=[0.2, 0.9, 0.4, 0.6])
        >>> scores
        Scores(f1=0.5000, auc=0.7500)
        >>> scores.predictions.y_true
        array([0, 1, 1, 0])
        """
        seen = pass_of_arrays(y_true, y_pred, sample_weight, mask)
        refuse_labels(seen, self._plan)
        # The rows are there already, so there is nothing that memory="bounded" could save.
        recorder = self._recorder_of("Metrics.score", replace(self._plan, memory="exact"))
        recorder.begin(0, ModelFacts())
        recorder.record(lambda: seen, shared=False)
        return recorder.scores_of_last_pass()

    def _recorder_of(self, source: str, plan: Plan) -> Recorder:
        """Return a recorder of a single pass that is not one of an epoch."""
        plan = replace(plan, slices=())  # they divide the samples of the validation data
        recorder = Recorder(plan, self.options.use_sample_weight, "raise", describe=lambda message: None)
        recorder.run.settings.update(self.options.run_settings(), source=source)
        return recorder

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
