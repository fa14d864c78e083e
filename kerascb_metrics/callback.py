"""`Metrics`: connects the steps (collect, interpret, tally, score, record) to Keras's hooks. It computes nothing."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras

from kerascb_metrics.collect import validation_hook
from kerascb_metrics.collect.callback_order import callbacks_of_fit, move_callback
from kerascb_metrics.collect.claims import Claim
from kerascb_metrics.collect.given_data import GivenData, is_due
from kerascb_metrics.collect.keras_internals import model_of
from kerascb_metrics.collect.model_facts import loss_and_output_names
from kerascb_metrics.collect.processes import in_all_processes, is_first_process
from kerascb_metrics.collect.row_store import Pass, RowConsumer
from kerascb_metrics.collect.validation_hook import PassListener
from kerascb_metrics.interpret.slices import slicings_of
from kerascb_metrics.options import Average, ErrorScore, Memory, Option, Options, Scoring, Task, Verbose
from kerascb_metrics.pipeline.files_of_fit import FilesOfFit
from kerascb_metrics.pipeline.fit_of_processes import refuse_other_fit
from kerascb_metrics.pipeline.fit_recorder import SCORING, Recorder
from kerascb_metrics.pipeline.fit_start import (
    check_outputs,
    check_slices,
    refuse_listed_twice,
    warn_if_idle,
    warn_if_not_gathered,
    warn_if_unrelated,
)
from kerascb_metrics.pipeline.results import Results
from kerascb_metrics.pipeline.training_loop import (
    TrainingLoop,
    refuse_no_model,
    warn_outside_training,
    why_none_was_scored,
)
from kerascb_metrics.record.log_file import index_of_saver_before
from kerascb_metrics.record.log_keys import LogKeys
from kerascb_metrics.record.monitor_modes import give_modes, restore_auto_mode
from kerascb_metrics.record.run_settings import model_name
from kerascb_metrics.score.plan import Plan
from kerascb_metrics.show.tables import line_of_epoch


class Metrics(Results, PassListener, keras.callbacks.Callback):
    """Scores the whole validation set at the end of every epoch, with scikit-learn.

    The rows are those of fit's own validation pass, so it needs no extra forward pass and no argument. Each score goes
    into a list, and as a float into `logs` under `val_<name>`, where every other callback can use it.

    Args:
        scoring: None for the panel: `f1, precision, recall, kappa, auc, confusion`, or `r2, mae, rmse` of a regression.
            Or a name (of the panel, `iou`, `specificity`, `mcc`, …, or of `sklearn.metrics.get_scorer_names()`), a
            scorer, a metric function `(y_true, y_pred)` of labels, a list of them, which may contain "panel", or a dict
            name → one of them.
        task: "auto", "binary", "multiclass", "multilabel", "ordinal", "regression", or an object such as
            `Binary(threshold=0.3)`. "auto" reads the compiled loss, then shapes and values; it is never "ordinal".
        average: how the panel averages over classes: "auto" is "binary" for a binary task, else "macro"; or any of
            scikit-learn's averages. None gives one value per class instead, in `logs` as `val_f1_<class>`.
        per_class: True gives, beside each average, its value per class, in `logs` as `val_f1_<class>`; of a regression
            with several columns its value per column.
        zero_division: 0.0, 1.0 or nan, as in scikit-learn.
        use_sample_weight: whether to use the sample weights of the validation data, if there are any.
        output: the output to score if the model has several; None: every one that has targets. Their keys are
            `val_<output>_<score>`, and `scoring` and `task` may be dicts by output.
        validation_data: None: score the pass that `fit` makes. Otherwise separate data with targets; each scored epoch
            makes one `model.predict` pass over it. `(x, y)` or `(x, y, sample_weight)` of arrays, or a dataset,
            PyDataset, DataLoader or generator of such tuples.
        validation_batch_size, validation_steps, validation_freq: as in `fit`, for `validation_data`.
        model: what predicts `validation_data`, if not the fitted model itself: a Keras model inside it, such as the
            generator of a GAN or the student of a distiller, or a function x → outputs. A model's own compiled loss
            tells what its outputs are. A function is called with the `x` of each batch, as tensors of the backend.
        prefix: how the keys in `logs` begin, such as `"test_"`; None: `"val_"`. It needs `validation_data`.
        slices: groups of the validation samples, each with scores of its own: a dict such as {"sex": array} with one
            value per sample, or a DataFrame, whose columns are such arrays; several columns in a dict are combined.
            Each score that is one number is also logged as `val_f1_sex_female`, and the worst of the groups as
            `val_f1_sex_min` (`_max` where less is better). For validation data in arrays, whose order is fixed; for
            others `history.by_group` serves after training.
        mean_probability: True keeps, for each row, the mean over the scored epochs of this fit of the probability that
            its own target had, 4 bytes per row. Where it stays low the target may be wrong: the column
            `mean_probability` of `predictions.to_frame()`. Needs the same rows in every pass.
        error_score: "raise_first" raises in the first scored epoch, and later records nan with one warning;
            "raise" always raises; a number is recorded with one warning.
        memory: "exact" keeps the rows of a pass until it is scored. "bounded" keeps counts only: label scores are the
            same; ROC AUC and average precision are the middle of an interval that holds the exact value (see
            `history.bounds`); `predictions` raises; scores that need the rows are refused. "auto" keeps up to 4 GiB of
            targets, outputs and weights. Beyond that it switches to counts with a warning, if no score needs the rows.
            Where counts are kept and no score ranks the rows, labels are made on the device, and outputs stay there.
        log_file: a path such as "scores.jsonl". Each scored epoch is written to it, and is on the disk before the next
            one begins; `ScoreHistory.load` reads it. A fit that begins at a later epoch than 0 (`initial_epoch`,
            `BackupAndRestore`) resumes the file: `history` begins with the earlier epochs in it, and the others are
            replaced. A fit that begins at 0 renames an earlier file to "scores.1.jsonl" and warns. With a log file
            Keras calls `Metrics` before `BackupAndRestore` and `ModelCheckpoint`, whatever its place in the list, so
            that no fit resumes from an epoch that is not in the file. If several processes train together, the first
            one writes, and all resume what is in its file.
        report_file: a path such as "report.html": the page of `history.save_report`, rewritten after each scored epoch,
            so that a browser shows the run while it goes on. At any time the file is a whole page. If several processes
            train together, the first one writes.
        verbose: "auto" prints once how the outputs are interpreted, unless `fit` is silent; True prints that and one
            line per scored epoch, also then; False prints nothing. As in Keras, 0 is False, and 1 and 2 are True.

    Attributes:
        options: the arguments, in one frozen object; each of them is an attribute too, except
            `model`: that is the fitted model, as in every callback of Keras.
        history: a `ScoreHistory`, name → list of values, one per scored epoch. Each fit starts a new one.
        f1s, precision, recall, kappa, auc, confusion: those lists, by name.
        predictions: the `Predictions` of the last scored epoch.

    Raises:
        ValueError: for an unknown name or value of an argument; when training starts, for names that another `Metrics`
            of the same fit also writes, or for a `Metrics` that another fit is using.
        OSError: when training starts, for a `log_file` or a `report_file` that cannot be written. A later failure is
            one warning, and training continues.
        CaptureError: when training starts or at the first validation, if the rows cannot be captured.
        DataError: at the first validation, for targets, outputs or weights that cannot be scored.

    Source: scikit-learn's metrics.

    >>> import numpy as np, keras
    >>> keras.utils.set_random_seed(0)
    >>> x = np.random.default_rng(0).normal(size=(200, 3)); y = (x[:, 0] > 0).astype(int)
    >>> model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
    >>> model.compile(loss="binary_crossentropy")
    >>> metrics = Metrics()
    >>> fit_result = model.fit(x, y, validation_split=0.5, epochs=2, verbose=0, callbacks=[metrics])
    >>> len(metrics.f1s), metrics.f1s == fit_result.history["val_f1"]
    (2, True)
    >>> int(metrics.confusion[-1].sum())
    100
    """

    scoring, task, average, per_class, zero_division = Option(), Option(), Option(), Option(), Option()
    use_sample_weight, slices, mean_probability, output, prefix = Option(), Option(), Option(), Option(), Option()
    validation_data, validation_batch_size = Option(), Option()
    validation_steps, validation_freq = Option(), Option()
    error_score, memory, log_file, report_file, verbose = Option(), Option(), Option(), Option(), Option()

    def __init__(
        self,
        scoring: Scoring = None,
        *,
        task: Task | Mapping[str, Task] = "auto",
        average: Average = "auto",
        per_class: bool = False,
        zero_division: float = 0.0,
        use_sample_weight: bool = True,
        output: str | None = None,
        validation_data: Any = None,
        validation_batch_size: int | None = None,
        validation_steps: int | None = None,
        validation_freq: int | Collection[int] = 1,
        model: Any = None,
        prefix: str | None = None,
        slices: Any = None,
        mean_probability: bool = False,
        error_score: ErrorScore = "raise_first",
        memory: Memory = "auto",
        log_file: str | os.PathLike[str] | None = None,
        report_file: str | os.PathLike[str] | None = None,
        verbose: Verbose = "auto",
    ) -> None:
        super().__init__()
        self.options = Options(
            scoring=scoring,
            task=task,
            average=average,
            per_class=per_class,
            zero_division=zero_division,
            use_sample_weight=use_sample_weight,
            output=output,
            validation_data=validation_data,
            validation_batch_size=validation_batch_size,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            model=model,
            prefix=prefix,
            slices=slices,
            mean_probability=mean_probability,
            error_score=error_score,
            memory=memory,
            log_file=log_file,
            report_file=report_file,
            verbose=verbose,
        )
        self.uses_fit_validation = self.options.uses_fit_validation
        self._plan = Plan(scoring, task, average, zero_division, output, memory, per_class, slicings_of(slices))
        self._keys = LogKeys(self.options.log_prefix, self._plan)
        self._changed_modes: list[Any] = []
        self._claim = Claim()
        self._reset()

    def _reset(self) -> None:
        self._loop = TrainingLoop()
        self._logged: set[str] = set()
        self._line = ""  # of the epoch that ended last, until it is printed
        self._given: GivenData | None = None
        self._index: int | None = None
        self._files = FilesOfFit()
        options = self.options
        self._recorder = Recorder(
            self._plan, options.use_sample_weight, options.error_score, self._print, options.mean_probability
        )
        self._recorder.run.settings.update(options.run_settings())

    def __getstate__(self) -> dict[str, Any]:
        """A copy, or a pickle, holds the scores, but neither the model nor the other callbacks of a fit."""
        copy: Any = object.__new__(type(self))
        state: dict[str, Any] = vars(copy)
        state.update(vars(self), _given=None, _index=None, _changed_modes=[])
        state.update(_claim=Claim(), _loop=TrainingLoop(), _files=FilesOfFit())
        copy.set_model(None)
        return state

    # Keras's hooks.

    def set_model(self, model: keras.Model | None) -> None:
        """Note the model that the next fit trains; raise if a fit that has not ended trains another one."""
        if model is not model_of(self):
            self._claim.refuse_use()
            self._loop.model_was_set(self, model)
        super().set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Reset the lists, check the fit, and install the validation hook."""
        in_all_processes("the start of training", self._begin_training)

    def _begin_training(self) -> None:
        callbacks = callbacks_of_fit(self)
        refuse_no_model(model_of(self))
        refuse_listed_twice(self, callbacks)
        predicting = self._predicting  # a copy from a pickle has no model: it raises, and keeps its scores
        self._claim.take()
        restore_auto_mode(self._changed_modes)  # of an interrupted fit
        self._reset()
        self._recorder.run.settings["model"] = model_name(predicting)
        listed = [other for other in callbacks if isinstance(other, Metrics)]
        others = [other for other in listed if other is not self]
        self._check_fit(listed, others)
        self._files = FilesOfFit.of(self.options, [other.options for other in others], self._warn_once)
        self._install(callbacks, predicting)
        warn_if_not_gathered(self._warn_once)
        self._changed_modes = give_modes(callbacks, lambda key: self._keys.mode_of(key, self._outputs))
        self._loop.begin(self, model_of(self))

    def _check_fit(self, listed: Sequence["Metrics"], others: Sequence["Metrics"]) -> None:
        """Raise for what is known to fail: in other processes, slices, outputs, and keys that `others` write too."""
        options = [each.options for each in listed]
        refuse_other_fit(model_of(self), options, uses_fit_validation=self.uses_fit_validation)
        check_slices(self._plan.slices, model_of(self), self.options)
        check_outputs(self._plan, self.options.predicting(model_of(self)), self.options)
        self._keys.refuse_double([other._keys for other in others], self._outputs)
        self._keys.refuse_unknown(self._outputs)

    def _install(self, callbacks: Sequence[Any], predicting: Any) -> None:
        """Install the validation hook, or prepare the given data; and move to where this must be called."""
        if self.uses_fit_validation:
            if self._files.log is not None:
                self._index = move_callback(index_of_saver_before(self, callbacks), self)
            validation_hook.install(self.model)
            warn_if_idle(self, self.model, self._warn_once)
        else:
            self._given = self.options.given_data()
            self._given.refuse(predicting)
            warn_if_unrelated(predicting, model_of(self), self._warn_once)
            self._index = move_callback(0, self)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Note the epoch, resume the log file before the first one, and install the validation hook if it is gone."""
        self._print_line()
        self._files.resume(
            epoch, self._recorder
        )  # not before: BackupAndRestore sets the first epoch in its on_train_begin
        if not self.uses_fit_validation:
            self._loop.refuse_open_epoch(epoch)
        self._loop.begin_epoch(epoch, model_of(self), self._recorder.run.epochs)
        if self.uses_fit_validation:
            validation_hook.install(self.model)

    def on_validation_begin(self) -> RowConsumer:
        """Return the consumer of the rows of fit's own pass, for the case that they are not kept."""
        return self._begin(self._loop.epoch_of_pass(model_of(self), self._recorder.run.epochs), is_fit_pass=True)

    def on_validation_pass(self, collect: Callable[[], Pass], logs: Mapping[str, float]) -> dict[str, float]:
        """Score and record the rows of fit's own pass; return what is added to its logs."""
        return self._score(collect, used=set(logs))  # without prefix, as `fit` puts it before each of these keys

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Score the given data if the epoch is due, note what else was logged, and write to the log file."""
        logs = {} if logs is None else logs
        if not self._loop.is_in_epoch:
            self.on_epoch_begin(epoch)
        self._loop.end_epoch(epoch, model_of(self))
        given = self._given
        if given is not None and is_due(epoch, self.options.validation_freq):
            reader = self._begin(epoch)
            entries = self._score(
                lambda: given.predict(self._predicting, reader, show_progress=not self._is_silent),
                used=self._keys.without_prefix(logs),
            )
            logs.update(self._keys.with_prefix(entries))
        elif given is None and self._none_is_scored:
            self._loop.refuse_unscored(model_of(self))
        self._recorder.note(epoch, {key: value for key, value in logs.items() if key not in self._logged})
        if epoch in self._recorder.run.epochs[-1:]:
            if self.options.verbose is True and is_first_process():
                self._line = line_of_epoch(self._recorder.run, f"{self._name}: ")
            self._files.write(self._recorder.run)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leave the model and the other callbacks as they were."""
        if not self._loop.is_running:
            return
        self._print_line()
        if self.uses_fit_validation:
            validation_hook.remove(self.model)
        move_callback(self._index, self)
        restore_auto_mode(self._changed_modes)
        self._changed_modes = []
        self._given = None
        self._claim.release()
        self._files.resume(None, self._recorder)  # for a fit that had no epoch to train
        self._loop = TrainingLoop()
        if self._none_is_scored:
            self._warn_once("idle", why_none_was_scored(model_of(self)))

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Warn if `evaluate` was given this callback outside training."""
        never_in_an_epoch = self._none_is_scored and not self._loop.is_in_epoch
        if never_in_an_epoch or not self._loop.includes(self, model_of(self)):
            warn_outside_training("evaluate", self._warn_once)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Warn that `predict` was given a callback that no fit has used; scikeras passes those of fit to it too."""
        if self._none_is_scored:
            warn_outside_training("predict", self._warn_once)

    @property
    def _none_is_scored(self) -> bool:
        return len(self._recorder.run.epochs) == self._recorder.resumed_epochs

    def _begin(self, epoch: int, *, is_fit_pass: bool = False) -> RowConsumer:
        self._recorder.begin(epoch, replace(loss_and_output_names(self._predicting), is_fit_pass=is_fit_pass))
        return self._recorder.reader

    def _score(self, collect: Callable[[], Pass], used: Collection[str]) -> dict[str, float]:
        """Score and record one pass; return name → float for `logs`, without prefix."""
        scores = in_all_processes(SCORING, lambda: self._recorder.record(collect))
        entries = self._keys.renamed(scores, used, self._warn_once, self._print)
        self._logged = set(self._keys.with_prefix(entries))
        not_ours = self._keys.with_prefix(scores).keys() - self._logged  # of compiled metrics, which Keras knows
        restore_auto_mode([callback for callback in self._changed_modes if callback.monitor in not_ours])
        return entries

    @property
    def _predicting(self) -> Any:
        """The model whose outputs are scored."""
        return model_of(self) if self.options.model is None else self.options.model.keras_model

    @property
    def _is_silent(self) -> bool:
        if not is_first_process():
            return True
        if self.options.verbose != "auto":
            return not self.options.verbose
        return not (self.params or {}).get("verbose", 1)

    def _print(self, message: str) -> None:
        """Print as Keras's own callbacks do, on a separate line below the progress bar."""
        if not self._is_silent:
            print(f"\n{self._name}: {message}")

    def _print_line(self) -> None:
        """Print the scores of the epoch that has ended, below Keras's own line of it."""
        if self._line:
            print(self._line)
            self._line = ""

    @property
    def _name(self) -> str:
        return "Metrics" if self.uses_fit_validation else f"Metrics ({self._keys.prefix}…)"

    def _warn_once(self, topic: object, message: str) -> None:
        self._recorder.troubles.warn_once(topic, message)
