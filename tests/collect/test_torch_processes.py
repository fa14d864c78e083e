"""PyTorch's processes: every process scores the rows of all, each row once.

Keras 3.16 joins them, with `keras.distribution` and without. Before, `keras.distribution` can be set but does nothing
on PyTorch, and the user's own loop may join them: there each process scores the rows it is given, and warns.
"""

import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import CaptureError, Metrics, ScoreHistory
from kerascb_metrics.collect.backends import torch as torch_backend
from kerascb_metrics.collect.backends import torch_processes
from tests.support import process_cases as cases
from tests.support.models import echo_model
from tests.support.process_cases import KINDS, LOGITS, WEIGHTS, X, Y
from tests.support.process_references import assert_binary, assert_multiclass, assert_panel, assert_recorded_of_first
from tests.support.torch_launch import results, run

JOINED = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 16)
joined = pytest.mark.skipif(not JOINED, reason="Keras joins PyTorch's processes from 3.16 on")
ALL = np.arange(len(Y))

CASES = [
    *["joined_by_keras", "binary", "weighted", "multiclass", "several_outputs", "masked", "half_precision", "trained"],
    *["monitored", "counts", "counts_of_classes", "counts_past_the_limit", "thresholds", "compared", "slices"],
    "rows_past_the_limit",
    *[
        "labels_alone",
        "drawn_at_random",
        "given",
        "given_to_one",
        "batches_without_rows",
        "data_loader",
        "sharded_by_keras",
        "sampled_twice",
        "same_rows",
    ],
    *["other_numbers_of_batches", "model_parallel", "rows_parallel", "masked_and_cut", "weighted_and_cut", "files"],
    "file_of_the_first",
]
FAILURES = [
    *["score_that_raises", "nan_outputs", "wrong_targets", "no_validation_data", "other_arguments"],
    *["score_that_fails_later", "start_that_raises", "damaged_log", "evaluation_that_raises"],
]
WITH_THREE = [
    *["binary", "multiclass", "counts", "counts_past_the_limit", "rows_past_the_limit", "given_to_one", "same_rows"],
    "score_that_raises",
]


def by_case(names, processes, folder):
    """Case → what the processes found."""
    by_process = results(names, processes, folder)
    return {case: [each[case] for each in by_process] for case in names}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("two_processes")


@pytest.fixture(scope="module")
def found(folder):
    return by_case([*CASES, *FAILURES], 2, folder)


@pytest.fixture(scope="module")
def found_by_three(tmp_path_factory):
    return by_case(WITH_THREE, 3, tmp_path_factory.mktemp("three_processes"))


# Before Keras 3.16.


@pytest.fixture
def two_processes(monkeypatch):
    for module in (torch_processes, torch_backend):
        monkeypatch.setattr(module, "process_count", lambda: 2)


@pytest.mark.skipif(JOINED, reason="Keras joins the processes")
@pytest.mark.usefixtures("two_processes")
def test_a_distribution_that_keras_ignores_is_refused(monkeypatch):
    own = keras.distribution.DataParallel(devices=["cpu:0"])
    monkeypatch.setattr(keras.distribution, "distribution", lambda: own)
    model = echo_model()
    for attempt in (
        lambda: model.fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[Metrics()]),
        lambda: model.fit(X, Y, verbose=0, callbacks=[Metrics(validation_data=(X, Y))]),
        lambda: Metrics().evaluate(model, (X, Y)),
    ):
        with pytest.raises(
            CaptureError, match=r"set to DataParallel.*has 2 processes, but Keras .* does not join them"
        ):
            attempt()


@pytest.mark.skipif(JOINED, reason="Keras joins the processes")
@pytest.mark.usefixtures("two_processes")
def test_processes_side_by_side_score_their_own_rows_and_warn():
    metrics, model = Metrics(verbose=False), echo_model()
    with pytest.warns(UserWarning, match=r"torch\.distributed has 2 processes.*own validation rows"):
        model.fit(X, Y, validation_data=(X[:40], Y[:40]), verbose=0, callbacks=[metrics])
    np.testing.assert_array_equal(metrics.confusion[-1], sk.confusion_matrix(Y[:40], X[:40, 0] > 0.5))


@joined
def test_a_distribution_whose_rows_are_not_known_is_refused(monkeypatch):
    class OfSomeoneElse(keras.distribution.DataParallel.__base__):
        pass

    monkeypatch.setattr(torch_processes, "process_count", lambda: 4)
    four = np.array([f"cpu:{index}" for index in range(4)])
    square = keras.distribution.DeviceMesh((2, 2), ("batch", "model"), four.tolist())
    line = keras.distribution.DeviceMesh((4,), ("batch",), four.tolist())
    two_axes = keras.distribution.DataParallel(devices=four.tolist())
    monkeypatch.setattr(two_axes, "_device_mesh", square)  # Keras 3.16 itself fails on it, while it makes a warning
    for own, message in (
        (two_axes, r"not known which rows each process has under DataParallel with the axes batch, model"),
        (OfSomeoneElse(line, "batch"), r"not known which rows each process has under OfSomeoneElse"),
        (keras.distribution.DataParallel(devices=four[:2].tolist()), r"has 2 devices, but .* has 4 processes"),
    ):
        monkeypatch.setattr(keras.distribution, "distribution", lambda own=own: own)
        with pytest.raises(CaptureError, match=message):
            torch_processes.refuse_unknown_distribution()


def test_a_distribution_of_one_process_is_scored(monkeypatch):
    own = keras.distribution.DataParallel(devices=["cpu:0"])
    monkeypatch.setattr(keras.distribution, "distribution", lambda: own)
    found = Metrics(verbose=False).evaluate(echo_model(), (X, Y))
    np.testing.assert_array_equal(found["confusion"], sk.confusion_matrix(Y, X[:, 0] > 0.5))


# Rows and scores.


@joined
@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case != "slices"])
def test_every_process_ends_with_the_same_to_the_last_bit(found, case):
    first, second = found[case]
    np.testing.assert_equal(first, second)


@joined
@pytest.mark.slow
@pytest.mark.parametrize("case", ["joined_by_keras", "binary"])
def test_each_process_has_every_row_once_and_in_order(found, case):
    assert_binary(found[case][0], ALL, epochs=2)


@joined
@pytest.mark.slow
def test_sample_weights_and_logs(found):
    first = found["weighted"][0]
    assert_binary(first, ALL, WEIGHTS)
    assert first["logs"]["val_f1"] == first["scores"]["f1"]


@joined
@pytest.mark.slow
def test_multiclass(found):
    np.testing.assert_array_equal(found["multiclass"][0]["rows"]["y_pred"], LOGITS)
    assert_multiclass(found["multiclass"][0], ALL)


@joined
@pytest.mark.slow
def test_several_outputs(found):
    first = found["several_outputs"][0]
    for output, targets in {"a": Y, "b": 1 - Y}.items():
        np.testing.assert_array_equal(first["rows"][output]["y_true"], targets)
        names = ("f1", "precision", "recall", "kappa", "auc", "confusion")
        assert_panel({name: first["scores"][f"{output}_{name}"][0] for name in names}, targets, X[:, 0])


@joined
@pytest.mark.slow
@pytest.mark.parametrize("case", ["masked", "masked_and_cut"])
def test_masks(found, case):
    kept, first = cases.STEPS[..., 0] != 0, found[case][0]
    np.testing.assert_array_equal(first["rows"]["mask"], kept)
    scores = {name: values[0] for name, values in first["scores"].items()}
    assert_panel(scores, cases.TAGS[kept], cases.STEPS[..., 0][kept].astype("float32"))


@joined
@pytest.mark.slow
def test_outputs_of_half_precision(found):
    rows, scores = found["half_precision"][0]["rows"], found["half_precision"][0]["scores"]
    np.testing.assert_array_equal(rows["y_true"], Y)
    np.testing.assert_allclose(rows["y_pred"].astype("float32"), X, rtol=2**-7)
    assert scores["f1"] == [sk.f1_score(Y, rows["y_pred"].astype("float32") > 0.5)]


@joined
@pytest.mark.slow
def test_weights_and_losses_equal_those_of_a_fit_without_metrics(found):
    for each in found["trained"]:
        np.testing.assert_equal(each["with"], each["without"])


@joined
@pytest.mark.slow
def test_callbacks_decide_by_the_scores_of_all_rows(found):
    first = found["monitored"][0]
    assert 0 < first["stopped"] < 19
    assert first["epochs"] == list(range(first["stopped"] + 1))
    assert first["rates"][-1] < first["rates"][0]


# Counts.


@joined
@pytest.mark.slow
@pytest.mark.parametrize("case", ["counts", "counts_of_classes"])
def test_counts_of_all_processes_are_added_up(found, case):
    first = found[case][0]
    assert first["counted"].keys() == first["exact"].keys()
    for name, values in first["exact"].items():
        if name in first["bounds"]:
            low, high = first["bounds"][name][-1]
            assert low - 1e-12 <= values[-1] <= high + 1e-12
            assert high - low < 0.02
        else:
            np.testing.assert_allclose(first["counted"][name], values, rtol=1e-12, err_msg=name)
    total = WEIGHTS.sum(dtype=float) if case == "counts" else len(Y)
    assert np.sum(first["counted"]["confusion"][-1]) == pytest.approx(total)


@joined
@pytest.mark.slow
def test_labels_are_made_on_the_device_where_they_suffice(found):
    first = found["labels_alone"][0]
    assert first["scores"]["f1"] == [sk.f1_score(Y, X[:, 0] > 0.5)] * 2
    np.testing.assert_array_equal(first["scores"]["confusion"][-1], sk.confusion_matrix(Y, X[:, 0] > 0.5))
    assert first["labelled"] == 6  # three batches in each epoch


@joined
@pytest.mark.slow
def test_a_score_that_is_drawn_at_random_is_that_of_the_first_process(found):
    rng = np.random.default_rng(0)
    assert found["drawn_at_random"][1]["scores"]["own"] == [rng.uniform() for _ in range(3)]
    assert found["drawn_at_random"][1]["logs"] == found["drawn_at_random"][1]["scores"]["own"]


@joined
@pytest.mark.slow
@pytest.mark.parametrize("rows", [60, 40, 20])
@pytest.mark.parametrize(
    ("case", "what"), [("counts_past_the_limit", "so only counts were kept"), ("rows_past_the_limit", "but were kept")]
)
def test_rows_past_the_limit(found, found_by_three, case, what, rows):
    for each in found[case] + found_by_three[case]:
        scores, warned = each[rows]["scores"], each[rows]["warned"]
        assert scores["f1"] == [sk.f1_score(Y, X[:, 0] > 0.5)] * 2
        np.testing.assert_array_equal(scores["confusion"][-1], sk.confusion_matrix(Y, X[:, 0] > 0.5))
        assert any(f"more than memory='auto' keeps, {what}" in message for message in warned)


@joined
@pytest.mark.slow
def test_chosen_thresholds(found):
    first = found["thresholds"][0]
    assert first["exact"]["f1"] == [sk.f1_score(Y, first["labels"])]
    assert first["bounded"]["threshold"][0] == pytest.approx(first["exact"]["threshold"][0], abs=1e-3)


@joined
@pytest.mark.slow
def test_what_is_asked_after_training_uses_all_rows(found):
    first = found["compared"][0]
    low, high = first["interval"][:2]
    assert low < first["scores"]["f1"][-1] < high
    assert f"n={len(Y)}" in first["compared"]
    assert re.search(r"n=\{0: 40, 1: 40\}", first["groups"])


@joined
@pytest.mark.slow
def test_slices_are_refused_before_training(found):
    assert all("slices= do not work with several processes" in each["error"] for each in found["slices"])


# Other data.


@joined
@pytest.mark.slow
def test_given_data(found):
    first = found["given"][0]
    assert_binary(first, ALL, WEIGHTS, epochs=2)
    assert first["logs"]["test_f1"] == first["scores"]["f1"]
    assert_panel(first["evaluated"], Y, X[:, 0], WEIGHTS)


@joined
@pytest.mark.slow
def test_processes_without_rows(found, found_by_three):
    for first in (found["given_to_one"][0], found_by_three["given_to_one"][0]):
        assert_panel(first["exact"], Y, X[:, 0])
        assert first["bounded"]["f1"] == first["exact"]["f1"]
        np.testing.assert_array_equal(first["bounded"]["confusion"], first["exact"]["confusion"])


@joined
@pytest.mark.slow
@pytest.mark.parametrize("case", ["batches_without_rows", "data_loader"])
def test_other_sources(found, case):
    assert_binary(found[case][0], ALL)


@joined
@pytest.mark.slow
def test_batches_that_keras_shares_out(found):
    first = found["sharded_by_keras"][0]
    batches = np.arange(len(first["rows"]["y_true"])).reshape(-1, first["size"])
    order = np.concatenate([batches[0::2].ravel(), batches[1::2].ravel()])
    np.testing.assert_array_equal(first["rows"]["y_pred"], X[order])
    np.testing.assert_array_equal(first["rows"]["y_true"], Y[order])


@joined
@pytest.mark.slow
def test_rows_that_would_be_counted_twice_are_refused(found, found_by_three):
    assert "DistributedSampler of the validation data repeats 1 rows" in found["sampled_twice"][0]["error"]
    for same in (found["same_rows"][0], found_by_three["same_rows"][0]):
        for how in ("fit", "evaluate"):
            assert "processes 0 and 1 validate on the same rows" in same[how]
        assert_binary(same["after"], ALL, epochs=2)


@joined
@pytest.mark.slow
def test_different_numbers_of_batches_are_refused_before_training(found):
    first = found["other_numbers_of_batches"][0]
    assert "here they have 3, 1." in first["error"]
    assert_binary(first["after"], ALL, epochs=2)


# Models that are cut too.


@joined
@pytest.mark.slow
@pytest.mark.parametrize(("case", "rows"), [("model_parallel", 80), ("rows_parallel", 79)])
def test_model_parallel(found, case, rows):
    first = found[case][0]
    assert_cut(first, rows, [0] if case == "model_parallel" else [0, 1])


@joined
@pytest.mark.slow
def test_rows_and_model_shared_by_four_processes(tmp_path):
    case = "model_and_rows_parallel"
    found = by_case([case], 4, tmp_path)[case]
    assert_cut(found[0], 79, [0, 1])
    for other in found[1:]:
        np.testing.assert_equal(other, found[0])


def assert_cut(first, rows, starts):
    """Assert that each row came once, and that rows, counts and given data have the same scores."""
    targets = np.concatenate([KINDS[:rows][start :: len(starts)] for start in starts])
    np.testing.assert_array_equal(first["rows"]["y_true"], targets)
    labels = first["rows"]["y_pred"].argmax(1)
    assert first["scores"]["f1"][-1] == sk.f1_score(targets, labels, average="macro")
    expected = sk.confusion_matrix(targets, labels)
    for matrix in (first["scores"]["confusion"][-1], first["counted"][-1], first["evaluated"], first["exceeding"]):
        np.testing.assert_array_equal(matrix, expected)
    assert first["kernel"] == ("R", "S(1)")


# Three processes.


@joined
@pytest.mark.slow
def test_three_processes(found_by_three):
    assert_binary(found_by_three["binary"][0], ALL, epochs=2)
    assert_multiclass(found_by_three["multiclass"][0], ALL)
    for case in ("binary", "multiclass", "counts", "given_to_one"):
        for other in found_by_three[case][1:]:
            np.testing.assert_equal(other, found_by_three[case][0])


# Files and printing.


@joined
@pytest.mark.slow
def test_the_first_process_writes_and_prints(found, folder):
    assert sorted(path.name for path in folder.glob("scores*")) == ["scores.jsonl"]
    first = found["files"][0]
    history = ScoreHistory.load(folder / "scores.jsonl")
    assert first["resumed"]["epochs"] == history.epochs == [0, 1, 2, 3]
    assert first["resumed"]["scores"]["f1"] == history["f1"]
    assert history["f1"][:2] == first["first"]["scores"]["f1"]
    assert (folder / "report.html").exists()
    printed = [(folder / f"output.{index}").read_text().partition("case files")[2] for index in (0, 1)]
    assert printed[0].count("Metrics: epoch") == 4
    assert "Metrics" not in printed[1].partition("case ")[0]


@joined
@pytest.mark.slow
def test_all_processes_resume_the_log_file_of_the_first(found, folder):
    history, resumed = ScoreHistory.load(folder / "first.jsonl"), found["file_of_the_first"][1]
    assert [each["epochs"] for each in resumed] == [[0, 1], [0, 1, 2, 3]]
    assert resumed[-1] == {"epochs": history.epochs, **history}


# Failures.


@joined
@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_a_score_that_raises_in_one_process_stops_all(found, found_by_three, processes):
    each = (found if processes == 2 else found_by_three)["score_that_raises"]
    for index, one in enumerate(each):
        kind, message = one["error"]
        assert kind == ("ScoringError" if index == 1 else "CaptureError")
        assert "ZeroDivisionError: planted" in message
        assert ("failed in process 1 of those that train together" in message) == (index != 1)
        assert_binary(one["after"], ALL, epochs=2)


@joined
@pytest.mark.slow
def test_all_processes_record_what_the_first_one_has_if_a_score_fails_in_another(found):
    assert_recorded_of_first(found["score_that_fails_later"])


@joined
@pytest.mark.slow
def test_outputs_that_are_nan_in_one_process_are_nan_in_all(found):
    for each in found["nan_outputs"]:
        for memory in ("exact", "bounded"):
            np.testing.assert_equal(each[memory]["logs"], [[np.nan], [np.nan]])
            np.testing.assert_equal(each[memory]["scores"], {"f1": [np.nan], "auc": [np.nan]})
            assert any("NaN or infinite" in message for message in each[memory]["warned"])


@joined
@pytest.mark.slow
def test_targets_of_one_process_that_cannot_be_scored_stop_all(found):
    for index, each in enumerate(found["wrong_targets"]):
        for (memory, batch), (kind, message) in ((key, value) for key, value in each.items() if key != "after"):
            elsewhere = index == 0 and (memory, batch) == ("bounded", "later")
            assert kind == ("CaptureError" if elsewhere else "DataError")
            assert "the targets hold 9" in message
            assert ("failed in process 1" in message) == elsewhere
        assert_binary(each["after"], ALL, epochs=2)


@joined
@pytest.mark.slow
def test_fits_that_differ_between_processes_stop_all_before_training(found):
    for each in found["no_validation_data"]:
        assert each["error"][1].endswith("validation data: given in process 0, none in process 1.")
    for each in found["other_arguments"]:
        assert each["average"][1].endswith("average of Metrics: 'auto' in process 0, 'macro' in process 1.")
        assert each["number"][1].endswith("Metrics in callbacks: 1 in process 0, 2 in process 1.")
        assert_binary(each["after"], ALL, epochs=2)


@joined
@pytest.mark.slow
def test_a_start_that_fails_in_one_process_stops_all(found):
    first, second = found["start_that_raises"]
    assert "the start of training failed in process 1" in first["error"][1]
    assert "is not a score log" in first["error"][1]
    assert second["error"][0] == "ValueError"
    for each in (first, second):
        assert_binary(each["after"], ALL, epochs=2)


@joined
@pytest.mark.slow
def test_a_log_file_that_the_first_process_cannot_resume_stops_all(found):
    first, second = found["damaged_log"]
    assert first["error"][0] == "ValueError"
    assert second["error"][0] == "CaptureError"
    assert "resuming the log file failed in process 0" in second["error"][1]
    for each in (first, second):
        assert "damaged.jsonl, line 2" in each["error"][1]
        assert_binary(each["after"], ALL, epochs=2)


@joined
@pytest.mark.slow
def test_evaluate_that_fails_stops_all(found):
    for each in found["evaluation_that_raises"]:
        assert each["error"][0] == "DataError"
        assert_binary(each["after"], ALL, epochs=2)


# Processes that are gone.


@joined
@pytest.mark.slow
@pytest.mark.parametrize(("case", "killed"), [("first_killed", 0), ("second_killed", 1)])
def test_a_process_does_not_wait_for_one_that_was_killed(tmp_path, case, killed):
    codes, outputs = run([case], 2, tmp_path, timeout=60)
    assert codes[killed] == -9
    assert codes[1 - killed] not in (0, -9), outputs[1 - killed]
    assert ScoreHistory.load(tmp_path / "scores.jsonl").epochs == [0, 1]


@joined
@pytest.mark.slow
def test_the_error_names_a_process_that_was_killed_while_scoring(tmp_path):
    codes, outputs = run(["killed_while_scoring"], 2, tmp_path, timeout=60)
    assert codes[1] == -9
    assert codes[0] not in (0, -9)
    assert "CaptureError: Metrics: process 0 of 2 waited for the others at scoring this pass" in outputs[0]
    assert "Ranks 1 failed" in outputs[0]


@joined
@pytest.mark.slow
def test_a_process_does_not_wait_longer_than_the_timeout_for_one_without_the_callback(tmp_path):
    codes, outputs = run(["without_the_callback"], 2, tmp_path, timeout=8)
    assert 0 not in codes
    assert "waited for the others at the start of a fit, up to 8 seconds" in outputs[0]
    assert "Ranks 1 failed" in outputs[0]
    assert int(re.search(r"ended after (\d+) seconds", outputs[0])[1]) < 60


THREADS = """
import gc, os, threading, time
from kerascb_metrics.collect.backends.torch import BACKEND

class Slow:  # a circle that lets other threads run while it is collected
    def __init__(self):
        self.own = self
    def __del__(self):
        time.sleep(0.0005)

def run():
    for _ in range(200):
        Slow()
        BACKEND.set_random_state(BACKEND.get_random_state())

gc.set_threshold(3)
threads = [threading.Thread(target=run, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(60)
os._exit(sum(thread.is_alive() for thread in threads))
"""


@pytest.mark.slow
def test_threads_that_read_the_generator_do_not_wait_for_each_other_for_ever():
    """PyTorch's own function does, if a garbage collection begins in it; in a process of its own, which may hang."""
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    assert subprocess.run([sys.executable, "-c", THREADS], env=environment, timeout=300, check=False).returncode == 0
