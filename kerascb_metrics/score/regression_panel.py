"""The panels of numbers: r2, mae and rmse of a regression, and mae of grades, as scikit-learn has them."""

from collections.abc import Iterator
from functools import partial

from sklearn import metrics

from kerascb_metrics.interpret.kinds import Kind
from kerascb_metrics.interpret.weights import for_sums
from kerascb_metrics.score.functions import run_function
from kerascb_metrics.score.score import Needs, Options, Score
from kerascb_metrics.tally.tally import Tally

REGRESSION_PANEL = ("r2", "mae", "rmse")


def error_scores() -> Iterator[Score]:
    """Yield mae and rmse; r2 is one of scikit-learn's names. Several columns are averaged, each alike."""
    rmse = partial(run_function, metrics.root_mean_squared_error, options=Options())
    of_columns: tuple[Kind, ...] = ("regression",)
    needs: dict[Kind, Needs] = {"regression": "rows", "ordinal": "counts"}
    yield Score("mae", mae, needs, greater_is_better=False, takes_elements=of_columns)
    yield Score("rmse", rmse, {"regression": "rows"}, greater_is_better=False, takes_elements=of_columns)


def mae(tally: Tally) -> float:
    """Mean absolute error, as `sklearn.metrics.mean_absolute_error`; that between grades from their counts."""
    if tally.kind == "regression":
        return float(run_function(metrics.mean_absolute_error, tally, Options()))
    counts, grades = tally.counts, tally.classes
    weight = for_sums(counts.weight)
    return float(metrics.mean_absolute_error(grades[counts.y_true], grades[counts.y_pred], sample_weight=weight))
