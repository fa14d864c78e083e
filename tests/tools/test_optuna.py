"""Optuna: its pruning callback on a score, and fits that it ends by raising."""

import optuna
import pytest
from optuna_integration import KerasPruningCallback, TFKerasPruningCallback

from kerascb_metrics import Metrics
from tests.support.tool_fits import f1s, fit, logit_model

optuna.logging.set_verbosity(optuna.logging.WARNING)


def study_of(objective, pruner, n_trials=1):
    study = optuna.create_study(direction="maximize", pruner=pruner)
    study.optimize(objective, n_trials=n_trials)
    return study


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("callback", [KerasPruningCallback, TFKerasPruningCallback])
def test_sees_every_epoch(callback, last):
    metrics = Metrics(verbose=False)

    def objective(trial):
        tool = callback(trial, metrics.monitor("f1")["monitor"])
        fit([metrics, tool] if last else [tool, metrics])
        return metrics.history.best("f1")[1]

    (trial,) = study_of(objective, optuna.pruners.NopPruner()).trials
    assert trial.intermediate_values == dict(enumerate(f1s()))
    assert trial.value == max(metrics.f1s)


def test_pruned_and_fitted_again():
    metrics, model = Metrics(verbose=False), logit_model()
    assert f1s()[0] < f1s()[1]

    def objective(trial):
        fit([KerasPruningCallback(trial, "val_f1"), metrics], model)

    (trial,) = study_of(objective, optuna.pruners.ThresholdPruner(lower=f1s()[1])).trials
    assert trial.state is optuna.trial.TrialState.PRUNED
    assert metrics.f1s == f1s()[:1] == [trial.value]
    fit([metrics], model)
    assert metrics.f1s == f1s()
    assert "evaluate" not in vars(model)
