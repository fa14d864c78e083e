"""`Metrics`: wires collect, interpret, tally, score and record to Keras's hooks. It computes nothing."""

import keras
import numpy as np

from kerascb_metrics import capture
from kerascb_metrics.assess import assess, describe, settle_task
from kerascb_metrics.exceptions import DataError, ScoringError
from kerascb_metrics.history import ScoreHistory
from kerascb_metrics.losses import read_loss
from kerascb_metrics.monitors import give_modes, take_back
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.records import CELLS
from kerascb_metrics.scoring import Scoring
from kerascb_metrics.tasks import as_task
from kerascb_metrics.troubles import Troubles


class Metrics(capture.PassListener, keras.callbacks.Callback):
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
        error_score: "raise_first" raises in the first scored epoch, and later records nan with one warning;
            "raise" always raises; a number is recorded with one warning.
        verbose: "auto" says once how the outputs are read, unless `fit` is silent; True or False.

    Attributes:
        history: a `ScoreHistory`, name → list of values, one a scored epoch; afresh in each fit.
        f1s, precision, recall, kappa, auc, confusion: those lists, by name.
        predictions: the last scored epoch's `Predictions`.

    Raises:
        ValueError: for an unknown name or value of an argument, here; for names that another `Metrics` of the same
            fit also writes, when training starts.
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
        scoring=None,
        *,
        task="auto",
        average="auto",
        zero_division=0.0,
        use_sample_weight=True,
        error_score="raise_first",
        verbose="auto",
    ):
        super().__init__()
        _check_choice("use_sample_weight", use_sample_weight, (True, False))
        _check_choice("verbose", verbose, ("auto", True, False))
        if isinstance(error_score, str):
            _check_choice("error_score", error_score, ("raise_first", "raise"), " or a number")
        self.scoring = Scoring(scoring, average, zero_division)
        self.task = as_task(task)
        self.use_sample_weight = use_sample_weight
        self.error_score = error_score
        self.verbose = verbose
        self._prefix = "val_"
        self._handed_out = set()
        self._given_modes = []
        self._start_afresh()

    def _start_afresh(self):
        self.history = ScoreHistory(self._directions())
        self.predictions = None
        self._epoch = 0
        self._settled_task = None
        self._entries = {}
        self._troubles = Troubles(self.error_score)

    # What a user reads.

    @property
    def f1s(self):
        """F1 of each scored epoch."""
        return self._values("f1")

    @property
    def precision(self):
        """Precision of each scored epoch."""
        return self._values("precision")

    @property
    def recall(self):
        """Recall of each scored epoch."""
        return self._values("recall")

    @property
    def kappa(self):
        """Cohen's kappa of each scored epoch."""
        return self._values("kappa")

    @property
    def auc(self):
        """Area under the ROC curve of each scored epoch."""
        return self._values("auc")

    @property
    def confusion(self):
        """Confusion matrix of each scored epoch, C × C, rows true, columns predicted."""
        return self._values("confusion")

    def monitor(self, name):
        """Return `{"monitor": …, "mode": …}` for a score, to unpack into any Keras callback or tuner.

        >>> Metrics().monitor("f1")
        {'monitor': 'val_f1', 'mode': 'max'}
        """
        key = self._prefix + name
        mode = self._mode_of(key)
        if mode is None:
            known = [known for known, greater in self._directions().items() if greater is not None]
            raise ValueError(
                f"Metrics: {name!r} is no score of this callback with a known direction; those are: "
                f"{', '.join(known) or 'none'}. Write monitor={key!r} and mode= yourself."
            )
        self._handed_out.add(key)
        return {"monitor": key, "mode": mode}

    # Keras's hooks.

    def on_train_begin(self, logs=None):
        """Start the lists afresh, and put the seam in place for the length of the fit."""
        self._start_afresh()
        peers = capture.callbacks_beside(self)
        self._refuse_double_names(peers)
        capture.install(self.model)
        self._given_modes = give_modes(peers, self._mode_of)
        if not capture.fit_validates(self.model):
            self._troubles.say("idle", "fit() has no validation data, so nothing is scored. Pass validation_data=….")

    def on_epoch_begin(self, epoch, logs=None):
        """Note the epoch, and see that the seam is still in place."""
        self._epoch = epoch
        capture.install(self.model)

    def on_train_end(self, logs=None):
        """Leave the model and the other callbacks as they were found."""
        capture.remove(self.model)
        take_back(self._given_modes)
        self._given_modes = []

    # The way the data goes.

    def on_validation_pass(self, captured, logs):
        """Score and record the rows of one pass; return what joins its logs."""
        try:
            assessment = self._assess(captured)
            values, self._entries = assessment.values, assessment.entries
            self._troubles.report(assessment.scores, self._epoch)
        except Exception as error:  # whatever it is, it must not end a long run, unless error_score says so
            value = self._settle(error)
            values = {name: np.full(np.shape(past[-1]), value)[()] for name, past in self.history.items()}
            self._entries = dict.fromkeys(self._entries, value)
        self.history.append(self._epoch, values)
        return {self._free_name(name, logs): value for name, value in self._entries.items()}

    def _assess(self, captured):
        if not captured.batches:
            raise DataError("Metrics: the validation pass ran no batch, so there is nothing to score.")
        self.predictions = rows = Predictions.join(captured.batches)
        loss = read_loss(self.model.loss)
        if self._settled_task is None:
            self._settled_task = settle_task(self.task, rows, loss, self.scoring)
            self._tell(f"Metrics: {describe(self._settled_task, rows, loss)}.")
        if not self.use_sample_weight:
            rows = rows.unweighted()
        return assess(
            rows, loss, self._settled_task, self.scoring, complete=captured.complete, on_error=self._score_failed
        )

    def _score_failed(self, name, error):
        rows = self.predictions
        told = ScoringError(
            f"Metrics: the score {name!r} failed in epoch {self._epoch + 1} (counted from 1), on targets "
            f"{rows.y_true.shape} and outputs {rows.y_pred.shape}: {error}"
        )
        told.__cause__ = error
        return self._settle(told)

    def _settle(self, error):
        return self._troubles.settle(error, self._epoch, first=not self.history.epochs)

    def _tell(self, message):
        """Say it as Keras's own callbacks do, on a line of its own below the progress bar."""
        silent = not (self.params or {}).get("verbose", 1)
        if self.verbose is True or (self.verbose == "auto" and not silent):
            print(f"\n{message}")

    # Names and directions.

    def _values(self, name):
        if name not in self.scoring.names:
            raise AttributeError(f"this Metrics has no score {name!r}; it has: {', '.join(self.scoring.names)}")
        return self.history.get(name, [])

    def _directions(self):
        cells = CELLS if "confusion" in self.scoring.names else {}
        return {**cells, **self.scoring.greater_is_better()}

    def _mode_of(self, monitor):
        """Return "max", "min", or None, of a key in `logs`; a class's own key goes the way of its score."""
        for name, greater_is_better in self._directions().items():
            key = self._prefix + name
            own_class = self.scoring.average is None and str(monitor).startswith(f"{key}_")
            if greater_is_better is not None and (monitor == key or own_class):
                return "max" if greater_is_better else "min"
        return None

    def _free_name(self, name, logs):
        """A name that Keras's compiled metrics do not use: theirs is never overwritten."""
        if name not in logs:
            return name
        key, free = self._prefix + name, f"sklearn_{name}"
        remedy = f"Name it yourself, as in scoring={{'exact_{name}': …}}."
        if key in self._handed_out:
            raise ValueError(
                f"Metrics: metrics.monitor({name!r}) was given out as {key!r}, but a compiled Keras metric has that "
                f"name. {remedy}"
            )
        self._troubles.say(
            ("name", name),
            f"{key!r} is a compiled Keras metric's name; this callback's own is {self._prefix + free!r}. {remedy}",
        )
        return free

    def _refuse_double_names(self, peers):
        for other in peers:
            if other is self or not isinstance(other, Metrics) or other._prefix != self._prefix:
                continue
            double = sorted(set(self.scoring.names) & set(other.scoring.names))
            if double:
                raise ValueError(
                    f"Metrics: two Metrics of this fit would both write {', '.join(double)} under {self._prefix!r}. "
                    "Name them apart, as in scoring={'f1_at_0.3': 'f1'}."
                )


def _check_choice(name, value, choices, more=""):
    if value not in choices:
        raise ValueError(f"Metrics: {name} must be {', '.join(map(repr, choices))}{more}; received {value!r}.")
