"""`Metrics`: wires collect, interpret, tally, score and record to Keras's hooks. It computes nothing."""

import os
from html import escape
from typing import Any

import keras

from kerascb_metrics.collect import validation_hook
from kerascb_metrics.collect.callback_order import callbacks_of_fit, move_callback
from kerascb_metrics.collect.claims import Claim
from kerascb_metrics.collect.given_data import GivenData, is_due
from kerascb_metrics.collect.keras_internals import fit_list_holds, fit_validates, model_of
from kerascb_metrics.collect.model_facts import loss_and_output_names
from kerascb_metrics.collect.processes import broadcast_from_first_process, separate_processes
from kerascb_metrics.collect.validation_hook import PassListener
from kerascb_metrics.history import ScoreHistory
from kerascb_metrics.interpret.outputs import Outputs
from kerascb_metrics.options import check_choice, check_error_score, check_given, check_log_file
from kerascb_metrics.pipeline.fit_recorder import Recorder
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.record.log_file import LogFile, open_log, place_before_savers
from kerascb_metrics.record.log_keys import Keys
from kerascb_metrics.record.monitor_modes import give_modes, restore_auto_mode
from kerascb_metrics.record.run_settings import score_names, settings_of
from kerascb_metrics.score.plan import Plan
from kerascb_metrics.show.tables import printable


class Metrics(PassListener, keras.callbacks.Callback):
    """Scores the validation data at the end of every epoch, with scikit-learn, over the whole set.

    The rows are those of fit's own validation pass: no extra forward pass, no argument needed. Each score goes into
    a list, and as a float into `logs` under `val_<name>`, where every other callback sees it.

    Args:
        scoring: None for the panel `f1, precision, recall, kappa, auc, confusion`. Or a name (of the panel, or of
            `sklearn.metrics.get_scorer_names()`), a scorer, a metric function `(y_true, y_pred)` of labels, a list of
            them, or a dict name → one.
        task: "auto", "binary", "multiclass", "multilabel", "regression", or an object such as
            `Binary(threshold=0.3)`. "auto" asks the compiled loss, then shapes and values.
        average: how the panel averages over classes: "auto" is "binary" for a binary task, else "macro"; or any of
            scikit-learn's. None gives a value a class, in `logs` as `val_f1_<class>`.
        zero_division: 0.0, 1.0 or nan, as in scikit-learn.
        use_sample_weight: honour validation sample weights when there are any.
        output: which output of a model of several; None: every one that has targets. Their keys are
            `val_<output>_<score>`, and `scoring` and `task` may be dicts by output.
        validation_data: None: score the pass that `fit` makes. Else data of its own, with targets, that one
            `model.predict` a scored epoch goes over: `(x, y)` or `(x, y, sample_weight)` of arrays, or a dataset,
            PyDataset, DataLoader or generator of such tuples.
        validation_batch_size, validation_steps, validation_freq: as in `fit`, for `validation_data`.
        prefix: how its keys in `logs` begin, as in "test_"; None: "val_".
        error_score: "raise_first" raises in the first scored epoch, and later records nan with one warning;
            "raise" always raises; a number is recorded with one warning.
        memory: "exact" keeps the rows of a pass until it is scored. "bounded" keeps counts only: label scores are the
            same, ROC AUC and average precision the middle of an interval that holds the exact value, in
            `history.bounds`; `predictions` is None, and scores that need the rows are refused. "auto" keeps up to
            4 GiB of targets, outputs and weights, and past them changes over, with a warning, if no score needs them.
        log_file: a path, "scores.jsonl", to which each scored epoch is written, and is on the disk before the next
            one begins; `ScoreHistory.load` reads it. A fit that begins at a later epoch than 0 (`initial_epoch`,
            `BackupAndRestore`) goes on with the file: `history` begins with its epochs before that one, and those
            from it on are replaced. A fit that begins at 0 leaves an earlier file beside it, as "scores.1.jsonl",
            and warns. With a log file `Metrics` is called before `BackupAndRestore` and `ModelCheckpoint`, wherever
            it is listed, so that no fit resumes ahead of the file. Of processes that train together the first writes.
        verbose: "auto" says once how the outputs are read, unless `fit` is silent; True or False.

    Attributes:
        history: a `ScoreHistory`, name → list of values, one a scored epoch; afresh in each fit.
        f1s, precision, recall, kappa, auc, confusion: those lists, by name.
        predictions: the last scored epoch's `Predictions`.

    Raises:
        ValueError: for an unknown name or value of an argument, here; for names that another `Metrics` of the same
            fit also writes, or for a `Metrics` that another fit is using, when training starts.
        OSError: when training starts, for a `log_file` that cannot be written. Later that is one warning, and the run
            goes on.
        CaptureError: at the start of training or the first validation, for what cannot be captured.
        DataError: at the first validation, for targets, outputs or weights that cannot be scored.

    Source: scikit-learn's metrics, on the rows at hand.

    >>> import numpy as np, keras
    >>> keras.utils.set_random_seed(0)
    >>> x = np.random.default_rng(0).normal(size=(200, 3)); y = (x[:, 0] > 0).astype(int)
    >>> model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
    >>> model.compile(loss="binary_crossentropy")
    >>> metrics = Metrics()
    >>> run = model.fit(x, y, validation_split=0.5, epochs=2, verbose=0, callbacks=[metrics])
    >>> len(metrics.f1s), metrics.f1s == run.history["val_f1"]
    (2, True)
    >>> int(metrics.confusion[-1].sum())
    100
    """

    def __init__(
        self,
        scoring: Any = None,
        *,
        task: Any = "auto",
        average: str | None = "auto",
        zero_division: float = 0.0,
        use_sample_weight: bool = True,
        output: str | None = None,
        validation_data: Any = None,
        validation_batch_size: int | None = None,
        validation_steps: int | None = None,
        validation_freq: int | list[int] = 1,
        prefix: str | None = None,
        error_score: str | float = "raise_first",
        memory: str = "auto",
        log_file: str | os.PathLike | None = None,
        verbose: bool | str = "auto",
    ) -> None:
        super().__init__()
        check_choice("use_sample_weight", use_sample_weight, (True, False))
        check_choice("verbose", verbose, ("auto", True, False))
        check_error_score(error_score)
        check_choice("memory", memory, ("auto", "exact", "bounded"))
        check_log_file(log_file)
        if not isinstance(output, str | None):
            raise ValueError(f"Metrics: output must be the name of an output, or None; received {output!r}.")
        self.scoring = scoring
        self.task = task
        self.average = average
        self.zero_division = zero_division
        self.use_sample_weight = use_sample_weight
        self.output = output
        self.error_score = error_score
        self.memory = memory
        self.log_file = log_file
        self.verbose = verbose
        self.validation_data = validation_data
        self.validation_batch_size = validation_batch_size
        self.validation_steps = validation_steps
        self.validation_freq = validation_freq
        self.prefix = prefix
        self.uses_fit_validation = validation_data is None
        check_given(self)
        self._plan = Plan(scoring, task, average, zero_division, output, memory)
        self._keys = Keys("val_" if prefix is None else prefix, self._plan)
        self._given_modes: list = []
        self._claim = Claim()
        self._start_afresh()

    def _start_afresh(self):
        self._epoch = 0
        self._own: dict[str, float] = {}
        self._given: Any = None
        self._place: int | None = None
        self._log: LogFile | None = None
        self._recorder = Recorder(self._plan, self.use_sample_weight, self.error_score, self._tell)
        self.history.settings.update(settings_of(self))

    def __getstate__(self):
        """A copy, or a pickle, has the scores, and nothing of a fit: neither its model nor its other callbacks."""
        copy: Any = object.__new__(type(self))
        vars(copy).update(vars(self), _given=None, _log=None, _place=None, _given_modes=[], _claim=Claim())
        copy.set_model(None)
        return vars(copy)

    # What a user reads.

    def __repr__(self):
        names = ", ".join(self.history or score_names(self._plan, self._outputs or ())) or "scores by output"
        return printable(f"Metrics({self._keys.prefix}…: {names}; {len(self.history.epochs)} epochs)")

    def __str__(self):
        return str(self.history) if self.history.epochs else repr(self)

    def _repr_html_(self):
        return self.history._repr_html_() if self.history.epochs else f"<code>{escape(repr(self))}</code>"

    @property
    def history(self) -> ScoreHistory:
        """The `ScoreHistory`: name → list of values, one a scored epoch; afresh in each fit."""
        return self._recorder.history

    @property
    def predictions(self) -> Predictions | dict[str, Predictions] | None:
        """The last scored epoch's `Predictions`, in a dict by output where there are several; None before."""
        return self._recorder.predictions

    @property
    def f1s(self) -> list:
        """F1 of each scored epoch."""
        return self._values("f1")

    @property
    def precision(self) -> list:
        """Precision of each scored epoch."""
        return self._values("precision")

    @property
    def recall(self) -> list:
        """Recall of each scored epoch."""
        return self._values("recall")

    @property
    def kappa(self) -> list:
        """Cohen's kappa of each scored epoch."""
        return self._values("kappa")

    @property
    def auc(self) -> list:
        """Area under the ROC curve of each scored epoch."""
        return self._values("auc")

    @property
    def confusion(self) -> list:
        """Confusion matrix of each scored epoch, C × C, rows true, columns predicted."""
        return self._values("confusion")

    def monitor(self, name: str) -> dict[str, str]:
        """Return `{"monitor": …, "mode": …}` for a score, to unpack into any Keras callback or tuner.

        >>> Metrics().monitor("f1")
        {'monitor': 'val_f1', 'mode': 'max'}
        """
        return self._keys.monitor(name, self._outputs)

    def evaluate(
        self, model: keras.Model, data: Any, *, batch_size: int | None = None, steps: int | None = None
    ) -> dict[str, Any]:
        """Score a model on other data, such as a test set, with the same scores.

        Other threads may predict with the model at the same time, but not train it; on JAX Keras allows neither. In a
        process of several, what is scored is the data that this one is given.

        Args:
            model: a Keras model, compiled or not.
            data: as `validation_data`.
            batch_size: for arrays.
            steps: batches to read of data without end.

        Returns:
            A dict, name → float, or an array: the confusion matrix, or a value a class.

        >>> import numpy as np, keras
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])
        >>> x, y = np.array([[0.1], [0.8], [0.7]]), np.array([0, 1, 0])
        >>> Metrics(["precision", "recall"]).evaluate(model, (x, y))
        {'precision': 0.5, 'recall': 1.0}
        """
        if not isinstance(model, keras.Model):
            raise TypeError(
                f"Metrics.evaluate takes a Keras model, then the data; received a {type(model).__name__} first."
            )
        recorder = Recorder(self._plan, self.use_sample_weight, "raise", tell=lambda message: None)
        recorder.begin(0, loss_and_output_names(model))
        recorder.record(lambda: GivenData(data, batch_size, steps).predict(model, recorder.reader))
        return {name: values[0] for name, values in recorder.history.items()}

    # Keras's hooks.

    def set_model(self, model):
        """Note the model that the next fit trains; raise where a fit that has not ended trains another."""
        if model is not model_of(self):
            self._claim.refuse_use()
        super().set_model(model)

    def on_train_begin(self, logs=None):
        """Reset the lists, and install what collects the rows for the length of the fit."""
        peers = callbacks_of_fit(self)
        self._claim_fit(peers)
        restore_auto_mode(self._given_modes)  # of an interrupted fit
        self._start_afresh()
        if (outputs := self._known_outputs()) is not None:
            self._plan.check(outputs, self._scored(outputs))
            outputs.refuse_axes(loss_and_output_names(self.model).structure)
        others = [peer for peer in peers if isinstance(peer, Metrics) and peer is not self]
        self._keys.refuse_double([other._keys for other in others], self._outputs)
        self._keys.refuse_unknown(self._outputs)
        self._log = open_log(self, others, self._recorder.troubles.say)
        if self.uses_fit_validation:
            if self._log is not None:
                self._place = move_callback(place_before_savers(self, peers), self)
            validation_hook.install(self.model)
            self._warn_if_idle()
        else:
            self._given = GivenData(self.validation_data, self.validation_batch_size, self.validation_steps)
            self._given.refuse(self.model)
            self._place = move_callback(0, self)
        self._warn_if_apart()
        self._given_modes = give_modes(peers, lambda key: self._keys.mode_of(key, self._outputs))

    def on_epoch_begin(self, epoch, logs=None):
        """Note the epoch, take up what is on file before the first, and see that the seam is still in place."""
        self._epoch = epoch
        if self._log is not None:
            self._log.resume(self._recorder, epoch)  # not known before: BackupAndRestore sets it in on_train_begin
        if self.uses_fit_validation:
            validation_hook.install(self.model)

    def on_validation_begin(self):
        """Take the rows of fit's own pass, where they are not to be kept."""
        return self._begin()

    def on_validation_pass(self, collect, logs):
        """Score and record the rows of fit's own pass; return what joins its logs."""
        # `fit` puts "val_" before every key that `evaluate` returns.
        entries = self._record(collect, {self._keys.prefix + key for key in logs})
        return {key.removeprefix(self._keys.prefix): value for key, value in entries.items()}

    def on_epoch_end(self, epoch, logs=None):
        """Score the given data, if there is any and its turn has come; note what else was logged; write to the file."""
        if not self.uses_fit_validation and is_due(epoch, self.validation_freq):
            taker = self._begin()
            collect = lambda: self._given.predict(self.model, taker, show_progress=not self._silent)  # noqa: E731
            logs.update(self._record(collect, logs))
        self._recorder.note(epoch, {key: value for key, value in logs.items() if key not in self._own})
        if self._log is not None and epoch in self.history.epochs[-1:]:
            self._log.write(self.history)

    def on_train_end(self, logs=None):
        """Leave the model and the other callbacks as they were found."""
        if self.uses_fit_validation:
            validation_hook.remove(self.model)
        move_callback(self._place, self)
        restore_auto_mode(self._given_modes)
        self._given_modes = []
        self._given = None
        self._claim.release()
        if self._log is not None:
            self._log.resume(self._recorder)  # of a fit that had no epoch left to train
        if len(self.history.epochs) == self._recorder.taken_up:
            self._say_idle("no epoch of this fit was scored. See validation_freq.")

    def _scored(self, outputs: Outputs) -> list[str | None] | None:
        """The outputs that data of our own have targets for, None for those of fit; a dataset is not read for it."""
        if self.uses_fit_validation or not outputs.names:
            return None
        data = self.validation_data
        return outputs.with_targets(data[1]) if isinstance(data, tuple | list) else []

    def _claim_fit(self, peers):
        if sum(peer is self for peer in peers) > 1:
            raise ValueError(
                "Metrics: the same Metrics is in callbacks=[…] twice. List it once; for other scores, or data of their "
                "own, list another Metrics()."
            )
        self._claim.take()

    def _begin(self):
        self._recorder.begin(self._epoch, loss_and_output_names(self.model))
        return self._recorder.reader

    def _record(self, collect, taken):
        entries = broadcast_from_first_process(lambda: self._recorder.record(collect))
        self._own = self._keys.apart(entries, taken, self._recorder.troubles.say)
        renamed = {self._keys.prefix + name for name in entries} - set(self._own)
        restore_auto_mode(
            [callback for callback in self._given_modes if callback.monitor in renamed]
        )  # Keras's own names
        return self._own

    def _warn_if_idle(self):
        if not fit_validates(self.model):
            self._say_idle("fit() has no validation data, so nothing is scored. Pass it validation_data=….")
        elif not fit_list_holds(self, self.model):
            self._say_idle("nothing is scored inside another callback. List Metrics itself in fit(callbacks=[…]).")

    def _warn_if_apart(self):
        if (count := separate_processes()) > 1:
            self._recorder.troubles.say(
                "processes",
                f"torch.distributed has {count} processes. Each scores the validation rows that it is given, and "
                "nothing is gathered: unless each is given all of them, these are scores of a part.",
            )

    def _say_idle(self, message):
        self._recorder.troubles.say("idle", message)

    # Names and directions.

    def _values(self, name):
        known = self.history or dict.fromkeys(self._plan.directions(self._outputs or ()))
        if self.output is not None and f"{self.output}_{name}" in known:
            name = f"{self.output}_{name}"
        if name not in known:
            raise AttributeError(f"this Metrics has no score {name!r}; it has: {', '.join(known)}")
        return self.history.get(name, [])

    @property
    def _outputs(self):
        """The names of the model's outputs where there are several, () for one, None where they are not known."""
        outputs = self._known_outputs()
        return None if outputs is None else outputs.names

    def _known_outputs(self) -> Outputs | None:
        """The `Outputs` of the model, where they are known without a batch."""
        facts = loss_and_output_names(model_of(self))
        return None if facts.structure is None else Outputs.of(facts.structure, facts.loss, facts.layer_names)

    @property
    def _silent(self):
        if self.verbose != "auto":
            return not self.verbose
        return not (self.params or {}).get("verbose", 1)

    def _tell(self, message):
        """Say it as Keras's own callbacks do, on a line of its own below the progress bar."""
        if not self._silent:
            which = "" if self.uses_fit_validation else f" ({self._keys.prefix}…)"
            print(f"\nMetrics{which}: {message}")
