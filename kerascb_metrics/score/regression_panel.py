"""The panel of a regression: r2, mae and rmse, as scikit-learn has them."""

from collections.abc import Iterator
from functools import partial

from sklearn import metrics

from kerascb_metrics.score.functions import run_function
from kerascb_metrics.score.score import Options, Score

REGRESSION_PANEL = ("r2", "mae", "rmse")
_ERRORS = {"mae": metrics.mean_absolute_error, "rmse": metrics.root_mean_squared_error}


def error_scores() -> Iterator[Score]:
    """Yield mae and rmse; r2 is one of scikit-learn's names. Several columns are averaged, each alike."""
    for name, function in _ERRORS.items():
        yield Score(
            name,
            partial(run_function, function, options=Options()),
            {"regression": "rows"},
            greater_is_better=False,
            takes_elements=("regression",),
        )
