"""Every score that has a name. A new one is one more `Score`, yielded by one of the six functions below."""

from functools import lru_cache

from kerascb_metrics.score.areas import area_scores
from kerascb_metrics.score.averaged import averaged_scores
from kerascb_metrics.score.functions import counted_scores
from kerascb_metrics.score.panel import panel_scores
from kerascb_metrics.score.regression_panel import error_scores
from kerascb_metrics.score.score import Options, Score
from kerascb_metrics.score.sklearn_scorers import named_scorers


@lru_cache(maxsize=64)  # one entry for each average and zero_division
def named_scores(options: Options) -> dict[str, Score]:
    """Return name → `Score`, the panel's names first; a later function replaces the scores of earlier ones.

    >>> named_scores(Options())["auc"].needs["binary"]
    'ranking'
    """
    groups = (
        named_scorers(options),
        counted_scores(options),
        area_scores(),
        averaged_scores(options),
        error_scores(),
        panel_scores(options),
    )
    found = {score.name: score for group in groups for score in group}
    panel = [score.name for score in panel_scores(options)]
    return {name: found[name] for name in [*panel, *(name for name in found if name not in panel)]}
