"""Whether the probabilities of a result can be believed, as methods of it. `Scores` has them."""

from typing import Any

from kerascb_metrics.exceptions import MissingRowsError
from kerascb_metrics.insight.calibration import Calibration, calibration_of, check_bins
from kerascb_metrics.insight.class_probabilities import ClassProbabilities
from kerascb_metrics.insight.confidence import check_level
from kerascb_metrics.insight.temperature import temperature_of_curves, temperature_of_rows
from kerascb_metrics.record.class_names import chosen_names, names_of_curves, only_name
from kerascb_metrics.record.epoch_record import EpochRecord
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.tally.ranking import points_each

_NO_PROBABILITIES = {"ordinal": "its outputs are labels only", "regression": "its outputs are no labels"}


class ResultCalibration:
    """A result with the methods that say how far its probabilities can be believed."""

    _record: ResultRecord
    _rows: Any = None  # the `RowsAtHand`, or None
    _why_no_rows: str = "the rows are not at hand"

    def calibration(
        self,
        class_name: str | None = None,
        *,
        n_bins: int = 10,
        confidence_level: float = 0.95,
        output: str | None = None,
    ) -> Calibration:
        """Compare the predicted probabilities of a class with how often they came true.

        From the rows if they are at hand, else from the curve that is kept of them, about 1,000 points: its Brier score
        and log loss differ by about 2e-4 at most from those of the rows. The log loss of very overconfident models, of
        weighted rows and with `memory="bounded"` differs by about 1e-3, and by up to 0.01 where many probabilities are
        exactly 0 or 1.

        Args:
            class_name: the class or label, each against all others; required if there are several. A binary task has
                its positive class.
            n_bins: into how many bins of about equal numbers of rows the probabilities go.
            confidence_level: of the band in which the share of a perfectly calibrated model lies.
            output: the name of the output if the model has several.

        Returns:
            A `Calibration`: a table if printed. There is no band where the rows are positions of samples, which depend
            on each other, and none from the curve of weighted rows.

        Raises:
            ValueError: for outputs that are no probabilities (margins, a regression, grades), an unknown class, a pass
                with one class only, or without rows if no curve was kept (a score that ranks the rows keeps it).

        >>> import numpy as np
        >>> from kerascb_metrics import Metrics
        >>> rng = np.random.default_rng(0)
        >>> proba = rng.random(1000)
        >>> y_true = (rng.random(1000) < proba).astype(int)
        >>> print(Metrics().score(y_true, proba).calibration(n_bins=4))
        class 1: 4 bins of 1,000 rows
        predicted  observed  rows  if calibrated (95 %)
            0.138     0.144   250        0.096 to 0.184
            0.404     0.412   250        0.344 to 0.464
            0.647     0.656   250        0.588 to 0.704
            0.878     0.880   250        0.836 to 0.916
        Brier score 0.1660, log loss 0.4936
        ECE 0.0061; a calibrated model would get 0.0204
        """
        check_level(confidence_level)
        check_bins(n_bins)
        name, given = self._of_curve(class_name, output) if self._rows is None else self._of_rows(class_name, output)
        return calibration_of(name, given, int(n_bins), confidence_level)

    def temperature(self, *, output: str | None = None) -> float:
        """Return the temperature that makes the log loss least: divide the logits by it before sigmoid or softmax.

        Above 1 the model is overconfident, below 1 it is not confident enough. Take the temperature from validation
        rows, and score the model on others. Probabilities are made logits first. A multilabel task has one temperature
        for all labels.

        Args:
            output: the name of the output if the model has several.

        Returns:
            The temperature; nan if it is not between 0.001 and 1,000, as where the classes are separated perfectly
            (the lower, the better) or the outputs tell nothing of them.

        Raises:
            MissingRowsError: a `ValueError`, if the rows were not kept, and they are of several classes, or no curve
                was kept either.
            ValueError: for outputs that are no probabilities (margins, a regression, grades).

        >>> import numpy as np
        >>> from kerascb_metrics import Metrics
        >>> rng = np.random.default_rng(0)
        >>> logits = rng.normal(size=10_000)
        >>> y_true = rng.random(10_000) < 1 / (1 + np.exp(-logits))
        >>> overconfident = Metrics().score(y_true, 1 / (1 + np.exp(-1.5 * logits)))
        >>> round(overconfident.temperature(), 2)
        1.5
        """
        if self._rows is not None:
            return temperature_of_rows(self._tally(output))
        record = self._record.tally(output)
        _check_probabilities(record.kind, record.scale)
        names = _names_of(record)
        if record.kind == "multiclass" or any(name not in record.curves for name in names):
            raise MissingRowsError(f"no temperature can be found: {self._why_no_rows}.")
        return temperature_of_curves([probabilities_of_curve(record, name) for name in names])

    def _tally(self, output: str | None) -> Any:
        tally = self._rows.tally(output)
        _check_probabilities(tally.kind, tally.scale)
        if tally.undefined:
            raise ValueError(f"{self._record.subject} has no probabilities: {tally.undefined}.")
        return tally

    def _of_rows(self, class_name: object, output: str | None) -> tuple[str, ClassProbabilities]:
        tally = self._tally(output)
        subject, gone = self._record.subject, tally.unranked
        known = [name for name in _names_of(tally) if name not in gone]
        if not known:
            raise ValueError(f"{subject} has no calibration: the rows must have more than one class.")
        name = only_name(chosen_names(known, class_name, subject, "probabilities"), "calibration is of")
        return name, ClassProbabilities.of_rows(tally, tally.class_names.index(name))

    def _of_curve(self, class_name: object, output: str | None) -> tuple[str, ClassProbabilities]:
        record, subject = self._record.tally(output), self._record.subject
        _check_probabilities(record.kind, record.scale)
        names = chosen_names(names_of_curves(record, subject), class_name, subject)
        name = only_name(names, "calibration is of")
        return name, probabilities_of_curve(record, name)


def _check_probabilities(kind: str, scale: str) -> None:
    """Raise `ValueError` for outputs that are no probabilities."""
    if kind in _NO_PROBABILITIES:
        raise ValueError(
            f"{'an' if kind == 'ordinal' else 'a'} {kind} task has no probabilities: {_NO_PROBABILITIES[kind]}. A "
            "binary, multiclass or multilabel task has."
        )
    if scale == "margin":
        raise ValueError(
            "margins have no probabilities: they tell the side of the threshold, and how far away. If these outputs "
            "are logits, pass a task with from_logits=True."
        )


def _names_of(given: Any) -> tuple[str, ...]:
    """Return the names of the classes with a probability of their own, of a tally or a record."""
    names: tuple[str, ...] = given.class_names
    return (names[given.pos_index],) if given.kind == "binary" else names


def probabilities_of_curve(record: EpochRecord, name: str) -> ClassProbabilities:
    """Return what the curve of a class tells of its probabilities; the outputs must be probabilities or logits."""
    return ClassProbabilities.of_curve(
        record.curves[name],
        None if record.scale == "logit" else record.thresholds(name),
        points_each(len(record.curves)),
        weighted=record.weighted,
        depend=record.evidence.positions,
    )
