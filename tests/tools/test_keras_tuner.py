"""KerasTuner: trials ranked by a score; it copies the callbacks for each execution of a trial."""

import keras
import keras_tuner
import pytest

from kerascb_metrics import Metrics
from tests.support.tool_fits import SHIFTS, Shift, X, Y, f1s, logit_model

# KerasTuner 1.4.8 asks for the thread's name in the old way, for every trial.
pytestmark = [
    pytest.mark.filterwarnings("ignore:currentThread\\(\\) is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:getName\\(\\) is deprecated:DeprecationWarning"),
]


def build(hp, signs=(-1, 1)):
    return logit_model(hp.Choice("sign", list(signs)))


def search(tmp_path, objective, callbacks, hypermodel=build, **options):
    tuner = keras_tuner.GridSearch(hypermodel, objective, directory=tmp_path, **options)
    tuner.search(X, Y, validation_data=(X, Y), epochs=len(SHIFTS), verbose=0, callbacks=[Shift(), *callbacks])
    return {trial.hyperparameters["sign"]: trial for trial in tuner.oracle.trials.values()}


def test_trials_are_ranked_by_their_best_epoch(tmp_path):
    metrics = Metrics(verbose=False)
    trials = search(tmp_path, keras_tuner.Objective("val_f1", "max"), [metrics])
    for sign in (-1, 1):
        assert trials[sign].score == max(f1s(sign))
        assert trials[sign].best_step == f1s(sign).index(max(f1s(sign)))
    assert metrics.history.epochs == []  # each execution had a copy, and KerasTuner keeps none of them


def test_monitor_makes_an_objective():
    objective = keras_tuner.Objective(*Metrics({"errors": "neg_log_loss"}).monitor("errors").values())
    assert objective == keras_tuner.Objective("val_errors", "max")


def test_an_objective_has_key_and_direction(tmp_path):
    metrics = Metrics({"f1": "f1", "mae": "mae"}, verbose=False)
    assert metrics.objective("f1") == keras_tuner.Objective("val_f1", "max")
    assert metrics.objective("mae") == keras_tuner.Objective("val_mae", "min")
    with pytest.raises(ValueError, match="is not a score of this callback"):
        metrics.objective("auc")
    trials = search(tmp_path, metrics.objective("f1"), [Metrics(verbose=False)])
    assert trials[1].score == max(f1s(1))


def test_early_stopping_in_a_trial(tmp_path):
    seen, falling = [], SHIFTS[1::-1]
    callbacks = [
        Shift((*falling, 0.0)),
        keras.callbacks.EarlyStopping("val_f1", patience=1),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["val_f1"])),
        Metrics(verbose=False),
    ]
    search(tmp_path, keras_tuner.Objective("val_f1", "max"), callbacks, lambda hp: build(hp, (1,)), max_trials=1)
    assert seen == f1s(1, falling)  # and no third epoch
    assert seen[0] > seen[1]


class OwnHistories(keras_tuner.HyperModel):
    """What a user writes who wants the history of every trial."""

    def __init__(self):
        super().__init__()
        self.histories = []

    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, callbacks, **options):
        metrics = Metrics(verbose=False)
        run = model.fit(*args, callbacks=[metrics, *callbacks], **options)
        self.histories.append((hp["sign"], metrics.history))
        return run


def test_a_history_of_each_execution(tmp_path):
    hypermodel = OwnHistories()
    search(tmp_path, keras_tuner.Objective("val_f1", "max"), [], hypermodel, executions_per_trial=2, max_trials=1)
    assert [(sign, history["f1"]) for sign, history in hypermodel.histories] == [
        (-1, f1s(-1)),
        (-1, f1s(-1)),
    ]
