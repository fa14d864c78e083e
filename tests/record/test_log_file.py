"""`Metrics(log_file=…)`: every scored epoch is on the disk, once, before the next one begins."""

import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from kerascb_metrics import Metrics, Multiclass, ScoreHistory, ScoringError
from tests.support.interrupted_fit import EPOCHS, train
from tests.support.log_files import Look, on_file
from tests.support.models import echo_model
from tests.support.saved_histories import assert_same, assert_same_history
from tests.support.short_fits import X, Y, binary, fit, ours

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def model():
    return echo_model()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "scores.jsonl"


# What is in the file, and when.


def test_each_epoch_is_on_disk_before_the_next_begins(model, path, monkeypatch):
    synced, seen, sync = [], [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), sync(handle)))
    looks = Look(lambda epoch: seen.append((on_file(path) if epoch else [], len(synced))))
    metrics = binary(log_file=path)
    fit(model, metrics, [looks], epochs=3)
    assert [epochs for epochs, _ in seen] == [[], [0], [0, 1]]
    assert seen[0][1] < seen[1][1] < seen[2][1] < len(synced)
    assert_same_history(ScoreHistory.load(path), metrics.history)
    assert set(metrics.history.logs[-1]) == {"loss", "val_loss"}
    assert os.listdir(path.parent) == ["scores.jsonl"]


def test_only_scored_epochs_are_written(model, path):
    fit(model, binary(log_file=str(path)), epochs=4, validation_freq=2)
    assert on_file(path) == [1, 3]


def test_log_file_of_given_data(model, path):
    metrics = binary(log_file=path, validation_data=(X, Y), prefix="test_")
    fit(model, metrics, validation_data=None, epochs=2)
    assert_same_history(ScoreHistory.load(path), metrics.history)
    assert metrics.history.epochs == [0, 1]


def test_settings_describe_what_was_scored(model, path):
    metrics = binary(log_file=path, scoring=["f1", "accuracy"], average="macro", zero_division=float("nan"))
    fit(model, metrics)
    settings = ScoreHistory.load(path).settings
    assert_same(settings, metrics.history.settings)
    assert (settings["scoring"], settings["average"], settings["prefix"]) == (["f1", "accuracy"], "macro", "val_")
    assert (settings["backend"], settings["keras"]) == (keras.backend.backend(), keras.__version__)
    assert {"kerascb_metrics", "scikit-learn", "numpy", "use_sample_weight"} <= set(settings)
    assert np.isnan(settings["zero_division"])
    assert settings["task"].count("binary task") == 1


# Fits that resume.


def test_later_fit_resumes_the_file(model, path):
    metrics = binary(log_file=path)
    fit(model, metrics, epochs=2)
    first = metrics.history
    fit(model, metrics, epochs=4, initial_epoch=2)
    assert metrics.history.epochs == on_file(path) == [0, 1, 2, 3]
    assert_same(metrics.f1s[:2], first["f1"])
    assert_same(metrics.history.logs[:2], first.logs)
    assert metrics.history.report(0) == first.report(0)
    assert metrics.history.settings["task"].count("binary task") == 1
    assert_same_history(ScoreHistory.load(path), metrics.history)


def test_epochs_from_the_first_resumed_one_are_replaced(model, path):
    fit(model, binary(log_file=path), epochs=4)
    whole = path.read_bytes()
    metrics = binary(log_file=path)
    fit(
        model, metrics, [Look(lambda epoch: path.read_bytes() == whole or pytest.fail("too early"))], 3, initial_epoch=2
    )
    assert metrics.history.epochs == on_file(path) == [0, 1, 2]
    assert os.listdir(path.parent) == ["scores.jsonl"]


def test_a_gap_stays_a_gap(model, path):
    metrics = binary(log_file=path)
    fit(model, metrics, epochs=1)
    fit(model, metrics, epochs=6, initial_epoch=4)
    assert metrics.history.epochs == on_file(path) == [0, 4, 5]


def test_fit_without_epochs_shows_the_epochs_in_the_file(model, path):
    metrics = binary(log_file=path)
    fit(model, metrics, epochs=2)
    before = path.read_bytes()
    with pytest.warns(UserWarning, match="no epoch of this fit was scored"):
        fit(model, metrics, epochs=2, initial_epoch=2)
    assert metrics.history.epochs == [0, 1]
    assert "task" in metrics.history.settings
    assert path.read_bytes() == before


def test_incomplete_last_line_is_repaired(model, path):
    fit(model, binary(log_file=path), epochs=3)
    path.write_bytes(path.read_bytes()[:-30])
    metrics = binary(log_file=path)
    with pytest.warns(UserWarning, match=r"last line is damaged and is left out.*scores\.jsonl, line 4"):
        fit(model, metrics, epochs=4, initial_epoch=3)
    assert metrics.history.epochs == on_file(path) == [0, 1, 3]


def test_file_damaged_elsewhere_stops_the_fit_before_training(model, path):
    fit(model, binary(log_file=path), epochs=2)
    header, *epochs = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + b"{\n" + b"".join(epochs))
    batches = []
    count = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda batch, logs: batches.append(batch))
    with pytest.raises(ValueError, match=r"scores\.jsonl, line 2: "):
        fit(model, binary(log_file=path), [count], epochs=3, initial_epoch=2)
    assert not batches


def test_fit_from_epoch_0_renames_an_earlier_file(model, path):
    metrics = binary(log_file=path)
    fit(model, metrics, epochs=2)
    first = path.read_bytes()
    for renamed in ("scores.1.jsonl", "scores.2.jsonl"):
        with pytest.warns(UserWarning, match=rf"a new run begins in .*scores\.jsonl.* now in .*{re.escape(renamed)}"):
            fit(model, metrics, epochs=1)
    assert path.with_name("scores.1.jsonl").read_bytes() == first
    assert (on_file(path.with_name("scores.2.jsonl")), on_file(path)) == ([0], [0])
    assert metrics.history.epochs == [0]


def test_empty_file_counts_as_new(model, path):
    path.touch()
    fit(model, binary(log_file=path))
    assert (on_file(path), os.listdir(path.parent)) == ([0], ["scores.jsonl"])


@pytest.mark.parametrize(
    ("option", "value"), [("average", "macro"), ("zero_division", 1.0), ("use_sample_weight", False)]
)
def test_scores_with_other_settings_are_not_resumed(model, path, option, value):
    fit(model, binary(log_file=path))
    with pytest.raises(ValueError, match=rf"scores\.jsonl was written with {option}=.*, and this fit has {option}="):
        fit(model, binary(log_file=path, **{option: value}), epochs=2, initial_epoch=1)
    assert on_file(path) == [0]


def test_numpy_options_equal_python_options(model, path):
    options = {"average": np.str_("macro"), "zero_division": np.float64("nan")}
    for epochs in (1, 2):
        fit(model, binary(log_file=path, **options), epochs=epochs, initial_epoch=epochs - 1)
    fit(model, binary(log_file=path, average="macro", zero_division=float("nan")), epochs=3, initial_epoch=2)
    assert on_file(path) == [0, 1, 2]


def test_logs_that_are_named_by_numbers(model, path):
    other = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update({7: 0.5, "8": 0.25}))
    metrics = binary(log_file=path)
    model.fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[other, metrics])
    assert_same_history(ScoreHistory.load(path), metrics.history)
    assert (metrics.history.logs[0]["7"], metrics.history.logs[0]["8"]) == (0.5, 0.25)


@pytest.mark.parametrize("resumed", [False, True])
def test_class_names_of_any_text(path, resumed):
    names = [
        "a\rb",
        "a\nb",
        "\u2028",
        "\x85",
        'q"',
        "c,d",
        "\0",
        "\ufeffx",
        "\ud800",
        "caf\udce9",
        "__proto__",
        "",
        "epoch",
    ]
    x = np.random.default_rng(0).dirichlet(np.ones(len(names)), 80).astype("float32")
    y = np.resize(range(len(names)), 80)
    model = echo_model(len(names), "sparse_categorical_crossentropy")
    for first in (0, 1) if resumed else (0,):
        metrics = Metrics(
            {"f1": "f1", "confusion": "confusion_cells"},
            task=Multiclass(class_names=names),
            average=None,
            log_file=path,
        )
        options = {"validation_data": (x, y), "verbose": 0, "callbacks": [metrics]}
        logged = model.fit(x, y, epochs=first + 2, initial_epoch=first, **options).history
    assert_same_history(ScoreHistory.load(path), metrics.history)
    assert {f"val_f1_{name}" for name in names} <= set(logged)
    assert len(logged) == 2 + len(names) + len(names) ** 2
    assert metrics.history.tally().class_names == tuple(names)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (["f1", "accuracy"], ["f1"], r"other scores\. From epoch 2 on these are recorded as nan: accuracy\. Epochs"),
        (["f1"], ["f1", "accuracy"], r"other scores\. In epochs 0, 1 these are recorded as nan: accuracy\. Epochs"),
        (["f1"], ["accuracy", "kappa"], r"In epochs 0, 1 .*: accuracy, kappa\. From epoch 2 on .*: f1\. Epochs"),
        (["f1", "accuracy"], ["accuracy", "f1"], None),
    ],
    ids=["fewer", "more", "other", "same"],
)
def test_scores_that_the_resumed_file_or_the_fit_lacks_are_nan_with_one_warning(model, path, before, after, said):
    fit(model, binary(log_file=path, scoring=before), epochs=2)
    metrics = binary(log_file=path, scoring=after)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        fit(model, metrics, epochs=4, initial_epoch=2)
    messages = [str(one.message) for one in ours(warned)]
    assert len(messages) == (said is not None)
    assert all(re.search(said, message) for message in messages)
    for name in {*before, *after}:
        assert np.isnan(metrics.history[name]).tolist() == [name not in before] * 2 + [name not in after] * 2
    assert metrics.history.settings["scoring"] == after
    assert_same_history(ScoreHistory.load(path), metrics.history)


def test_values_of_a_score_that_fails_when_a_fit_resumes_are_not_missed(model, path):
    def own(y_true, y_pred):
        if fails:
            fails.pop()
            raise ZeroDivisionError("once")
        return np.array([0.25, 0.75])

    fails = []
    fit(model, binary(log_file=path, scoring={"own": own}))
    fails.append(True)
    metrics = binary(log_file=path, scoring={"own": own}, error_score=0)
    with pytest.warns(UserWarning, match="epoch 1: recorded 0.0") as warned:
        fit(model, metrics, epochs=3, initial_epoch=1)
    assert len(ours(warned)) == 1
    np.testing.assert_array_equal(metrics.history["own_1"], [0.75, np.nan, 0.75])


def test_first_epoch_of_a_resumed_fit_still_raises(model, path):
    def once(y_true, y_pred):
        raise ZeroDivisionError("never")

    fit(model, binary(log_file=path, scoring="f1"))
    with pytest.raises(ScoringError, match="ZeroDivisionError: never"):
        fit(model, binary(log_file=path, scoring=["f1", once]), epochs=2, initial_epoch=1)
    with pytest.warns(UserWarning, match="recorded 0.0"), pytest.warns(UserWarning, match="has other scores"):
        fit(model, binary(log_file=path, scoring=["f1", once], error_score=0), epochs=2, initial_epoch=1)
    assert ScoreHistory.load(path)["once"][1] == 0


class Interrupted(Exception):
    """Ends a fit like a kill: no later hook is called."""


class NoBackup(keras.callbacks.BackupAndRestore):
    """Ends the fit at the end of epoch 3, when everything but the weights is saved."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 3:
            raise Interrupted
        super().on_epoch_end(epoch, logs)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_killed_process_resumes_with_every_epoch_once(path, tmp_path):
    killed = subprocess.run(
        [sys.executable, "-m", "tests.support.interrupted_fit", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert on_file(path) == [0, 1]
    with pytest.raises(Interrupted):
        train(path, NoBackup(tmp_path / "backup"))
    assert on_file(path) == [0, 1, 2, 3]
    resumed = train(path, keras.callbacks.BackupAndRestore(tmp_path / "backup")).history
    assert resumed.epochs == on_file(path) == list(range(EPOCHS))
    assert_same_history(ScoreHistory.load(path), resumed)
    uninterrupted = train(None).history
    assert len(set(uninterrupted["f1"])) > 3  # the epochs differ
    for name in uninterrupted:
        np.testing.assert_allclose(resumed[name], uninterrupted[name], atol=1e-6, err_msg=name)
    for ours_, theirs in zip(resumed.logs, uninterrupted.logs, strict=True):
        assert ours_ == pytest.approx(theirs, abs=1e-5)


def test_metrics_is_called_before_callbacks_that_save_the_model(model, path, tmp_path):
    called = []

    class Backup(keras.callbacks.BackupAndRestore):
        def on_epoch_end(self, epoch, logs=None):
            called.append(on_file(path))
            super().on_epoch_end(epoch, logs)

    metrics = binary(log_file=path)
    model.fit(X, Y, validation_data=(X, Y), epochs=2, verbose=0, callbacks=[Backup(tmp_path / "backup"), metrics])
    model._initial_epoch = None
    assert called == [[0], [0, 1]]
