"""What a result is worth, as methods of it: thresholds, confidence intervals, comparisons. `Scores` has them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerascb_metrics.exceptions import MissingRowsError
from kerascb_metrics.insight.comparison import Comparison, as_comparison, compared
from kerascb_metrics.insight.confidence import ConfidenceInterval, check_level, unknown
from kerascb_metrics.insight.group_intervals import interval_of_groups
from kerascb_metrics.insight.group_labels import group_scores
from kerascb_metrics.insight.group_rows import group_scores_of_rows
from kerascb_metrics.insight.groups import Groups, GroupScores
from kerascb_metrics.insight.intervals import formula_of
from kerascb_metrics.insight.labelled_pass import LabelledPass, PassRows, numbers_of_groups
from kerascb_metrics.insight.objective import Objective
from kerascb_metrics.insight.paired_areas import compared_areas
from kerascb_metrics.insight.row_bootstrap import of_any_score
from kerascb_metrics.insight.thresholds import BestThreshold, best_threshold, options_of
from kerascb_metrics.record.comparisons import (
    compare_epochs,
    compared_formula,
    compared_record,
    groups_of_epoch,
    index_of,
)
from kerascb_metrics.record.intervals import basis_of, output_and_name, recorded_interval
from kerascb_metrics.record.one_output import in_one_output
from kerascb_metrics.record.result_record import ResultRecord
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.score.threshold import THRESHOLD

_NO_THRESHOLD = {
    "multiclass": "the highest output is the label",
    "ordinal": "the nearest grade, or the highest output, is the label",
    "regression": "its outputs are no labels",
}


class ResultInsight(Mapping[str, Any]):
    """A mapping from score name to value with the methods that say what a score is worth."""

    _record: ResultRecord
    _rows: Any  # the `RowsAtHand`, or None
    _why_no_rows: str
    _run: RunRecord | None  # that it is an epoch of
    _was_chosen: bool  # as the best epoch of that run

    # Thresholds.

    def best_threshold(
        self,
        name: str | None = None,
        *,
        at_least: Mapping[str, float] | None = None,
        cost: Mapping[str, float] | None = None,
        output: str | None = None,
    ) -> BestThreshold:
        """Choose the threshold of a binary task, or of each label, for use after training.

        The best score on the rows that chose the threshold is too good: by 0.1 where 10 of 1,000 rows are positive.
        `cross_fitted` is what to expect of other rows.

        Args:
            name: the score to make best, one that counts suffice for: "f1", "precision", "recall", "iou",
                "specificity", "f0_5", "f2", "accuracy", "balanced_accuracy", "kappa", "kappa_linear",
                "kappa_quadratic" or "mcc"; recorded or not. With the `average` of `Metrics`; of a multilabel task each
                label's own.
            at_least: the lowest values that other scores may have, as in {"precision": 0.9}.
            cost: instead of a score, what one row of "fp", "fn", "tp" or "tn" costs, 0 where it is not given: then
                the least cost per row is the best.
            output: the name of the output if the model has several; it may instead be in the names of the scores, as
                in "kind_f1".

        Returns:
            A named tuple `(threshold, value, cross_fitted)` of floats, of a multilabel task of arrays. A row is
            positive when its probability (margin) is greater than the threshold, as for `Binary(threshold=…)`. Of
            equally good thresholds it is the one that labels most rows right. All three are nan where no threshold is
            allowed, or where no row is positive.

        Raises:
            MissingRowsError: a `ValueError`, if the rows were not kept.
            TypeError: unless exactly one of `name` and `cost` is given.
            ValueError: for a task without a threshold, a score that counts do not suffice for, or a cost that rewards
                mistakes.

        >>> from kerascb_metrics import Metrics
        >>> scores = Metrics().score([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.6, 0.8])
        >>> best = scores.best_threshold("f1")
        >>> best.threshold, round(best.value, 3)
        (0.25, 0.857)
        >>> scores.best_threshold("recall", at_least={"precision": 1.0}).threshold
        0.5
        >>> best = scores.best_threshold(cost={"fp": 3, "fn": 1})
        >>> best.threshold, round(best.value, 3)  # one positive row is missed
        (0.5, 0.167)
        """
        if self._rows is None:
            raise MissingRowsError(f"no threshold can be chosen: {self._why_no_rows}.")
        output, name, at_least = in_one_output(self._record, name, at_least, output)
        tally, scoring = self._rows.tally(output), self._rows.scoring(output)
        if tally.kind not in ("binary", "multilabel"):
            raise ValueError(
                f"a {tally.kind} task has no threshold: {_NO_THRESHOLD[tally.kind]}. A binary or multilabel task has."
            )
        return best_threshold(tally, Objective.of(name, at_least, cost, **options_of(scoring, tally.labeling)))

    # How certain.

    def confidence_interval(
        self, name: str, confidence_level: float = 0.95, *, groups: Any = None
    ) -> ConfidenceInterval:
        """Return an interval that says how certain a score is, given that the validation rows are a sample.

        It speaks of the sampling of rows alone, not of seeds or of training. (`bounds` is something else: what is not
        known of a ranking whose rows were not kept.)

        Shares of rows, such as accuracy, precision and recall, have Wilson's interval, and F1 that of the Jaccard
        index; kappa, MCC and their like one of drawn confusion matrices; averages over classes a bootstrap of the
        matrix; ROC AUC DeLong's variance on the logit scale. Positions of a sample, and labels of a row, depend on each
        other: there the samples are compared. Any other score of rows at hand has a bootstrap of 999 resamples, which
        takes as long as 999 scorings.

        Args:
            name: a score of one number.
            confidence_level: of how many samples of rows the interval holds the true score, about.
            groups: for samples that depend on each other, such as images of one patient: the patient of each sample,
                (N,). Needs the rows.

        Returns:
            `(low, high)`, a named tuple that also has the `method`. Where nothing honest can be said both are nan, and
            `reason` says why: too few rows of a class, an undefined score, rows that are gone.

        Raises:
            KeyError: if there is no such score.
            ValueError: for a score of several numbers, a level that is not between 0 and 1, groups of another length.
            MissingRowsError: a `ValueError`, for groups if the rows were not kept.

        >>> from kerascb_metrics import Metrics
        >>> scores = Metrics().score([0, 0, 0, 0, 1, 1, 1, 1, 1, 1], [0.1, 0.2, 0.3, 0.6, 0.4, 0.6, 0.7, 0.8, 0.9, 0.9])
        >>> low, high = scores.confidence_interval("recall")
        >>> round(low, 3), round(scores["recall"], 3), round(high, 3)
        (0.436, 0.833, 0.97)
        >>> scores.confidence_interval("auc").reason
        'the rarer class has 4 rows, and ROC AUC needs 5'
        """
        check_level(confidence_level)
        value = self[name]
        if not isinstance(value, float):
            raise ValueError(f"{name!r} has several values: name one of them, such as one of a class; see keys().")
        if np.isnan(value):
            return unknown("the score is undefined")
        output, own = output_and_name(self._record, name)
        record = self._record.tallies.get(output)
        if record is not None and record.chosen is not None and own.partition("_")[0] == THRESHOLD:
            return unknown("a threshold that was chosen is no score")
        if groups is not None:
            return self._interval_of_groups(name, confidence_level, groups)
        found = recorded_interval(self._record, name, confidence_level)
        return self._interval_of_rows(name, confidence_level) if found is None else found

    def compare(
        self, other: "ResultInsight", name: str, *, groups: Any = None, confidence_level: float = 0.95
    ) -> Comparison:
        """Say whether this result is really better than another one over the same rows, row by row.

        McNemar's test (mid-p) for accuracy, the paired delta method for other label scores, DeLong's paired test for
        ROC AUC, which needs the rows of both. What `history.at("best")` returned was chosen among all epochs, and is
        tested with all of them, see `ScoreHistory.compare`.

        Args:
            other: the `Scores` of the same rows: another model on the same test set, other outputs, another epoch.
            name: a score of labels, or "auc"; one number.
            groups: as in `confidence_interval`.
            confidence_level: of the interval of the difference.

        Returns:
            A `Comparison`, whose `difference` is this score minus the other.

        Raises:
            KeyError: if one of the two has no such score.
            MissingRowsError: a `ValueError`, if neither the rows nor the labels of one of the two were kept.
            ValueError: if the rows are not the same, or have another order, or the score cannot be compared.

        >>> import numpy as np
        >>> from kerascb_metrics import Metrics
        >>> rng = np.random.default_rng(0)
        >>> y_true = rng.integers(0, 2, 200)
        >>> good, better = (np.clip(0.25 + 0.5 * y_true + rng.normal(0, sd, 200), 0, 1) for sd in (0.5, 0.3))
        >>> metrics = Metrics(["accuracy", "f1"])
        >>> found = metrics.score(y_true, better).compare(metrics.score(y_true, good), "accuracy")
        >>> round(found.difference, 3), found.pvalue < 0.05, found.n_changed
        (0.125, True, 85)
        """
        check_level(confidence_level)
        _ = self[name], other[name]
        chosen = self if self._was_chosen else other if other._was_chosen else None
        if self._run is not None and self._run is other._run:
            first, second = self._record.epoch or 0, other._record.epoch or 0
            best = None if chosen is None else chosen._record.epoch
            return compare_epochs(self._run, first, second, name, confidence_level, best, groups)
        return self._compared_by_rows(other, name, groups, confidence_level)

    def by_group(self, groups: Any, name: str, *, confidence_level: float = 0.95) -> GroupScores:
        """Return a score of each group of samples: for whom does the model work?

        Args:
            groups: the group of each sample, (N,): numbers or text, as an array, a list, or a column of pandas. Several
                columns, in a DataFrame or a dict: groups are their combinations. Or the name of one of the `slices` of
                `Metrics`.
            name: a score of one number.
            confidence_level: in how many cases all intervals together hold (Bonferroni): each is wider than alone.

        Returns:
            A `GroupScores`: a mapping group → score with `n`, `confidence_interval`, `group_min`, `group_max`,
            `difference`, `ratio` (fairlearn's words), and one `pvalue` for "all groups are equal". `print` shows a
            table. Scores that are 0/0 in a group are `zero_division` there, as in scikit-learn; a group without a row,
            or without any weight, has nan. A score that is not made of labels is permuted 999 times, up to 20,000 rows.

        Raises:
            KeyError: if there is no such score.
            MissingRowsError: a `ValueError`, if neither the rows nor their labels were kept.
            ValueError: if there is not one group per sample, a sample has None or nan for a group, or there are no
                slices of that name.

        >>> from kerascb_metrics import Metrics
        >>> scores = Metrics("recall").score([0, 1, 1, 1, 0, 1, 1, 1], [0.2, 0.9, 0.7, 0.6, 0.6, 0.9, 0.2, 0.1])
        >>> found = scores.by_group(["a"] * 4 + ["b"] * 4, "recall")
        >>> dict(found)
        {'a': 1.0, 'b': 0.3333333333333333}
        >>> found.n, round(found.difference, 3), round(found.pvalue, 3)
        ({'a': 4, 'b': 4}, 0.667, 0.083)
        """
        check_level(confidence_level)
        value = self[name]
        if not isinstance(value, float):
            raise ValueError(f"{name!r} has several values: name one of them, such as one of a class; see keys().")
        groups = self._grouping(groups)
        if self._rows is None:
            if self._run is None:
                raise MissingRowsError(f"groups need the rows: {self._why_no_rows}.")
            return groups_of_epoch(self._run, self._record.epoch or 0, name, groups, confidence_level)
        output, own = output_and_name(self._record, name)
        tally, record, score = self._rows.tally(output), self._record.tallies.get(output), self._rows.score(output, own)
        rows, basis = PassRows.of(tally), None if record is None else basis_of(record, self._record.settings)
        of_rows, known = Groups.of(groups, rows), None if basis is None else formula_of(own, value, basis)
        if basis is not None and known is not None and not known.is_area:
            given = LabelledPass(rows, tally.y_pred, "")
            return group_scores(name, own, known, given, of_rows, basis, confidence_level)
        if score is None:
            raise ValueError(f"{name} has no groups: it is a value of a class, or of a group. Name the score itself.")
        return group_scores_of_rows(name, score, known, tally, of_rows, basis, value, confidence_level)

    def _grouping(self, groups: Any) -> Any:
        """Return groups that may be given as the name of slices."""
        if not isinstance(groups, str):
            return groups
        known = {} if self._run is None else self._run.groupings
        if groups not in known:
            there = f"there are {', '.join(map(repr, known))}" if known else "this result has none"
            raise ValueError(f"there are no slices {groups!r}; {there}. Pass the group of each sample.")
        return known[groups]

    def _only_slices(self) -> str:
        """Return the name of the slices where there is one kind of them."""
        names = [] if self._run is None else list(self._run.groupings)
        if len(names) != 1:
            known = f"there are the slices {', '.join(map(repr, names))}" if names else "this result has no slices"
            raise ValueError(f"pass groups=, the group of each sample, or the name of slices: {known}.")
        return names[0]

    def _compared_by_rows(self, other: "ResultInsight", name: str, groups: Any, level: float) -> Comparison:
        known, basis = compared_formula(self._record, name)
        compared_record(other._record, name)
        if self._rows is None or other._rows is None:
            why = self._why_no_rows if self._rows is None else other._why_no_rows
            raise MissingRowsError(f"these results cannot be compared: {why}.")
        output, _ = output_and_name(self._record, name)
        tallies = self._rows.tally(output), other._rows.tally(output)
        rows = PassRows.of(tallies[0])
        if not rows.is_same(PassRows.of(tallies[1])):
            raise ValueError(
                "these results cannot be compared: they are of other rows, or of the same rows in another order (other "
                "targets, weights, masks or lengths). Score both on the same data."
            )
        subjects = [one._subject or f"the {place} result" for one, place in ((self, "first"), (other, "second"))]
        one, two = (LabelledPass(rows, tally.y_pred, own) for tally, own in zip(tallies, subjects, strict=True))
        index = index_of(known, basis)
        if known.is_area:
            found = compared_areas(*tallies, index, basis, level)
            return as_comparison(name, found, one, two, level)
        numbers = None if groups is None else rows.groups_of(groups)
        return compared(name, known, one, two, index, basis.zero_division, level, numbers)

    @property
    def _subject(self) -> str:
        return "" if self._record.epoch is None else self._record.subject

    def _interval_of_rows(self, name: str, level: float, numbers: Any = None) -> ConfidenceInterval:
        """Return the interval of a score whose formula is not known: a bootstrap, if the rows are at hand."""
        output, own = output_and_name(self._record, name)
        score = None if self._rows is None else self._rows.score(output, own)
        if score is None:
            of_group = any(f"_{slices}_" in own for slices in self._record.settings.get("slices", ()))
            if of_group:
                return unknown("it is a score of a group of samples: by_group(…) has its interval")
            why = self._why_no_rows if self._rows is None else "nothing else is known of it"
            return unknown(f"it is not made of counts, and {why}")
        tally = self._rows.tally(output)
        if numbers is None and tally.of_positions:
            numbers = tally.numbers_of_samples
        return of_any_score(score, tally, level, numbers)

    def _interval_of_groups(self, name: str, level: float, groups: Any) -> ConfidenceInterval:
        if self._rows is None:
            raise MissingRowsError(f"groups need the rows: {self._why_no_rows}.")
        output, own = output_and_name(self._record, name)
        tally, record = self._rows.tally(output), self._record.tallies.get(output)
        numbers = numbers_of_groups(groups, tally.samples, tally.numbers_of_samples)
        basis = None if record is None else basis_of(record, self._record.settings)
        found = None if basis is None else interval_of_groups(own, self[name], tally, numbers, basis, level)
        return self._interval_of_rows(name, level, numbers) if found is None else found
