"""The default scores of each kind of task."""

from kerascb_metrics.interpret.kinds import RANKED, Kind
from kerascb_metrics.score.panel import PANEL
from kerascb_metrics.score.regression_panel import REGRESSION_PANEL

ORDINAL_PANEL = ("f1", "precision", "recall", "kappa", "kappa_linear", "kappa_quadratic", "mae", "confusion")
PANELS: dict[Kind, tuple[str, ...]] = {
    **dict.fromkeys(RANKED, PANEL),
    "ordinal": ORDINAL_PANEL,
    "regression": REGRESSION_PANEL,
}
# The names of all panels, in the order in which they are recorded.
OF_ANY_TASK = (
    "f1",
    "precision",
    "recall",
    "kappa",
    "kappa_linear",
    "kappa_quadratic",
    "auc",
    "r2",
    "mae",
    "rmse",
    "confusion",
)
