"""The record of one fit: each pass is scored and recorded, also if something fails."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from kerascb_metrics.collect.model_facts import ModelFacts
from kerascb_metrics.collect.processes import is_first_process, of_first_process
from kerascb_metrics.collect.row_store import Pass
from kerascb_metrics.exceptions import MissingRowsError, ScoringError
from kerascb_metrics.history import ScoreHistory
from kerascb_metrics.insight.labelled_pass import LabelledPass, PassRows
from kerascb_metrics.pipeline.epoch_result import Bounds, EpochResult, Shapes, score_output, widest
from kerascb_metrics.pipeline.pass_reader import Reader, Reading
from kerascb_metrics.pipeline.resumed_scores import other_scores
from kerascb_metrics.pipeline.rows_at_hand import RowsAtHand
from kerascb_metrics.pipeline.slice_scores import SliceScores
from kerascb_metrics.predictions import Predictions
from kerascb_metrics.record.error_policy import ErrorPolicy
from kerascb_metrics.record.regression_record import n_columns_of, rows_each
from kerascb_metrics.record.run_record import SOURCE, RunRecord
from kerascb_metrics.record.run_settings import score_names
from kerascb_metrics.record.saved_run import SavedRun
from kerascb_metrics.score.plan import Plan, full_name
from kerascb_metrics.score.score import Value
from kerascb_metrics.scores import Scores
from kerascb_metrics.tally.exact import ExactTally

# What processes that train together do when they score a pass, for the error if one of them fails.
SCORING = "scoring this pass"
_ONLY_COUNTS = "counts were kept and no rows. Pass memory='exact' to Metrics to keep the rows of the last pass"


class Recorder:
    """Scores the passes of one fit, and records the results.

    Args:
        plan: the `Plan`: what to score on which output, and whether to keep the rows.
        use_sample_weight: whether weights count.
        error_score: what to do with errors, see `ErrorPolicy`.
        describe: called with a sentence for each output that says how it is read.
        mean_probability: see `Reader`.

    Attributes:
        run: the record.
        history: the same as a `ScoreHistory`.
        reader: the `Reader`, which also counts rows that are not kept.
        troubles: the `ErrorPolicy`.
        resumed_epochs: how many epochs of the history are those of an earlier fit, from a log file.
    """

    def __init__(
        self,
        plan: Plan,
        use_sample_weight: bool,
        error_score: str | float,
        describe: Callable[[str], None],
        mean_probability: bool = False,
    ) -> None:
        self.run = RunRecord()
        self.history = ScoreHistory._of(self.run, self)
        self.troubles = ErrorPolicy(error_score)
        # Not a method of the recorder: that would be a reference circle, freed only by the garbage collector.
        describe_output = partial(_describe_output, self.run, describe)
        self.reader = Reader(plan, use_sample_weight, describe_output, self.troubles.warn_once, mean_probability)
        self.resumed_epochs = 0
        self._plan, self._describe = plan, describe
        self._epoch = 0
        self._epoch_of_rows: int | None = None
        self._keys: tuple[str, ...] = ()  # of what goes to `logs`, the same in every epoch
        self._labelled: dict[str | None, LabelledPass] = {}  # of the pass that is being recorded
        self._shapes: dict[str | None, Shapes] = {}  # of the scores of each output
        self._slices = SliceScores(plan.slices, self.troubles.warn_once)
        if plan.slices:
            self.run.groupings = {own.name: own.grouping for own in plan.slices}
            self.run.settings["slices"] = list(self.run.groupings)
        self._width_described = False
        self._left_out_described: set[tuple[str | None, str]] = set()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy, or what a pickle holds, has a history with the rows of the copy."""
        vars(self).update(state)
        self.history = ScoreHistory._of(self.run, self)

    @property
    def predictions(self) -> Predictions | dict[str, Predictions] | None:
        """The `Predictions` of the last pass that had rows, by output where there are several; None before.

        Raises:
            MissingRowsError: if that pass kept counts and no rows.
        """
        if self.reader.memory == "bounded" or (self._epoch_of_rows is not None and self.reader.predictions is None):
            raise MissingRowsError(f"no predictions: {_ONLY_COUNTS}.")
        return self.reader.predictions

    def rows_of(self, epoch: int) -> tuple[RowsAtHand | None, str]:
        """Return the rows of an epoch, and why there are none.

        Args:
            epoch: one that was scored.

        Returns:
            The rows, or None; and the reason, for the case of None.
        """
        rows = self.reader.rows_at_hand
        if epoch == self._epoch_of_rows:
            return rows, _ONLY_COUNTS
        kept = "" if rows is None else f", epoch {self._epoch_of_rows}"
        return None, (
            f"the rows of epoch {epoch} are gone, because only those of the last scored epoch are kept{kept}. The "
            "model of that epoch makes them again: metrics.evaluate(model, x, y)"
        )

    def scores_of_last_pass(self) -> Scores:
        """Return the `Scores` of the last pass, with its rows if they were kept."""
        return Scores(self.run.at("last"), *self.rows_of(self._epoch))

    def continue_from(self, run: SavedRun | None) -> None:
        """Begin the history with the epochs of an earlier fit; None: there are none."""
        if run is not None:
            self.run.restore(run)
            self.resumed_epochs = len(run.epochs)

    def begin(self, epoch: int, facts: ModelFacts) -> None:
        """Begin a pass, see `Reader.begin`."""
        self._epoch = epoch
        self.reader.begin(epoch, facts)

    def record(self, collect: Callable[[], Pass], *, shared: bool = True) -> dict[str, float]:
        """Score and record the pass.

        Args:
            collect: called for the `Pass`; may raise.
            shared: whether all processes that train together score this pass; then all record what the first one has.

        Returns:
            What goes to `logs`, name → float, without prefix: the same names in every epoch.
        """
        try:
            result = self._scored(collect())
        except Exception as error:  # whatever it is, it must not end a long run, unless error_score says so
            result = self._failed(self._settle(error))
        finally:
            self.reader.end()
        if shared:
            result = of_first_process(SCORING, result)
        # A score that failed or is undefined may not know its keys, one per class: they are those of earlier epochs.
        entries = result.entries
        if self._keys:
            entries = {name: entries.get(name, float("nan")) for name in self._keys}
        self._keys = tuple(entries)
        if self.resumed_epochs == len(self.run.epochs) > 0:
            self._warn_of_other_scores(result)
        self.run.append(self._epoch, result.values, result.records, result.bounds, result.regressions)
        self._keep_labels()
        self.troubles.report(result.undefined, result.values, result.unweighted, self._where)
        self.troubles.report_left_out(result.left_out, self._where)
        return entries

    def _warn_of_other_scores(self, result: EpochResult) -> None:
        warning = other_scores(self.run, self._epoch, result)
        if warning is not None:
            self.troubles.warn_once("resumed", warning)

    def _keep_labels(self) -> None:
        """Keep the labels of the epoch, so that it can be compared with others."""
        if self._labelled:
            self.run.labels.add(self._epoch, self._labelled)
            self.run.labels.limit({self._epoch, self._best_epoch})
        self._labelled = {}

    @property
    def _best_epoch(self) -> int:
        try:
            return self.run.best(self.run.headline)[0]
        except ValueError:
            return self._epoch

    def note(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Note what else was logged in an epoch, if it was scored."""
        if epoch in self.run.epochs[-1:]:
            self.run.logs[-1].update({str(key): float(value) for key, value in logs.items() if _is_number(value)})

    def _scored(self, seen: Pass) -> EpochResult:
        readings = self.reader.read(seen.batches, seen.complete)
        self._epoch_of_rows = self._epoch
        result, most_rows = EpochResult(), _rows_to_keep(readings.values())
        for output, reading in readings.items():
            result.add(output, self._scored_output(output, reading, seen.complete, most_rows))
        if seen.complete and SOURCE not in self.run.settings:
            passes = {output: self._pass(output, reading) for output, reading in readings.items()}
            self._labelled = {output: own for output, own in passes.items() if own is not None}
        self._describe_width(result.bounds)
        kinds = {output: reading.tally.kind for output, reading in readings.items()}
        directions = self._plan.directions(self.reader.output_names, kinds)
        of_classes = {entry: directions.get(name) for entry, name in result.by_class.items()}
        self.run.set_directions({**directions, **of_classes})
        self.run.settings["scoring"] = score_names(self._plan, self.reader.output_names, kinds)
        return result

    def _pass(self, output: str | None, reading: Reading) -> LabelledPass | None:
        """Return what was predicted for the rows of an output; None for a regression, and where rows were not kept."""
        tally = reading.tally
        if tally.kind == "regression" or tally.undefined:
            return None
        if not isinstance(tally, ExactTally):
            return self.reader.right.get(output)
        # For the comparison of two areas; the outputs of the last pass are kept anyway.
        is_ranked = tally.kind == "binary" and not (tally.weighted or tally.of_positions)
        scores = tally.y_score if is_ranked and reading.scoring.ranks(tally.kind) else None
        return LabelledPass(PassRows.of(tally, self.run.labels.rows_of(output)), tally.y_pred, "", scores)

    def _scored_output(self, output: str | None, reading: Reading, complete: bool, most_rows: int) -> EpochResult:
        def on_error(name: str, error: Exception) -> float:
            return self._score_failed(full_name(output, name), error, reading.shapes)

        result = score_output(
            reading.tally,
            reading.scoring,
            complete=complete,
            shapes=self._shapes.setdefault(output, {}),
            on_error=on_error,
            most_rows=most_rows,
        )
        self._describe_left_out(output, result.left_out)
        self._slices.add(
            result, output, reading.tally, reading.scoring, reading.sliced, self._where, complete, on_error
        )
        return result

    def _describe_left_out(self, output: str | None, left_out: Mapping[str, str]) -> None:
        """Say once over how many classes a score averages; the warning names those that are left out."""
        for name, which in left_out.items():
            if (output, name) not in self._left_out_described:
                self._left_out_described.add((output, name))
                _describe_output(self.run, self._describe, output, f"{name} {which.partition(':')[0]}.")

    def _failed(self, value: float) -> EpochResult:
        """The result of a pass that could not be scored: the value in place of every score that is a number."""
        values: dict[str, Value] = {name: value for name, past in self.run.items() if not np.ndim(past[-1])}
        return EpochResult(values, dict.fromkeys(self._keys, value))

    @property
    def _where(self) -> str:
        """What is scored: an epoch, or the rows of `Metrics.score` or `Metrics.evaluate`."""
        source: str | None = self.run.settings.get(SOURCE)
        return f"epoch {self._epoch} (counted from 0)" if source is None else source

    def _describe_width(self, bounds: Bounds) -> None:
        known = {name: pair for name, pair in bounds.items() if np.isfinite(np.array(pair)).any()}
        if known and not self._width_described:
            self._width_described = True
            self._describe(
                f"{', '.join(known)}: midpoint of an interval that holds the exact value, see history.bounds. Width in "
                f"epoch {self._epoch}: at most {widest(known):.1e}."
            )

    def _score_failed(self, name: str, error: Exception, shapes: str) -> float:
        named = ScoringError(
            f"Metrics: the score {name!r} failed in {self._where}, on {shapes}: {type(error).__name__}: {error}"
        )
        named.__cause__ = error
        return self._settle(named)

    def _settle(self, error: Exception) -> float:
        """Raise, or return what stands for the error; a first pass that cannot be scored at all always raises."""
        first = len(self.run.epochs) == self.resumed_epochs
        if first and not isinstance(error, ScoringError):
            raise error
        # `metrics.score` of arrays, which no other process sees, has raised.
        recorded = None if is_first_process() else "what the first process has"
        return self.troubles.settle(error, self._epoch, first, recorded)


def _describe_output(run: RunRecord, describe: Callable[[str], None], output: str | None, sentence: str) -> None:
    sentence = sentence if output is None else f"output {output!r}: {sentence}"
    run.settings["task"] = " ".join(filter(None, [run.settings.get("task"), sentence]))
    describe(sentence)


def _rows_to_keep(readings: Iterable[Reading]) -> int:
    """Return how many rows to keep of each regression of a pass."""
    tallies = (reading.tally for reading in readings)
    regressions = (tally for tally in tallies if isinstance(tally, ExactTally) and tally.kind == "regression")
    return rows_each(n_columns_of(tally.labeled) for tally in regressions)


def _is_number(value: Any) -> bool:
    """Return whether a single real number was logged, because callbacks may log anything."""
    return np.ndim(value) == 0 and np.asarray(value).dtype.kind in "biuf"
