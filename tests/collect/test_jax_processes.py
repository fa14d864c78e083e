"""Two JAX processes of two devices each: both score all rows, the first writes the files, and none is left running."""

import json
import re

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score

from kerascb_metrics import ScoreHistory
from tests.support import process_cases as cases
from tests.support.jax_launch import order, part, results, run
from tests.support.process_references import assert_binary, assert_multiclass, assert_panel, assert_recorded_of_first

pytestmark = pytest.mark.slow
ORDER = order(cases.ROWS, 2)
CASES = [
    *["binary", "weighted", "multiclass", "several_outputs", "masked", "half_precision", "several_steps", "eagerly"],
    *["trained", "model_parallel", "model_parallel_across", "given", "uneven", "unlike", "files", "sums", "parts"],
    *["counts", "counts_of_classes", "counts_of_copies", "counts_that_fail"],
    *["parts_of_other_shardings", "score_that_fails_later", "score_that_raises"],
]
WITH_THREE = ["binary", "several_steps", "weighted", "counts", "score_that_raises"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("two_processes")


@pytest.fixture(scope="module")
def found(folder):
    """Case → what the two processes found."""
    by_process = results(CASES, 2, folder)
    return {case: [each[case] for each in by_process] for case in CASES}


# Rows and scores.


def test_a_batch_has_the_rows_of_process_0_then_those_of_process_1():
    assert sorted(ORDER) == list(range(cases.ROWS))
    assert ORDER[:18].tolist() == [*range(16), 40, 41]
    assert ORDER[-16:].tolist() == [*range(32, 40), *range(72, 80)]


@pytest.mark.parametrize("case", ["binary", "several_steps", "eagerly"])
def test_each_process_has_every_row_once_and_in_order(found, case):
    for each in found[case]:
        assert_binary(each, ORDER)


def test_sample_weights(found):
    for each in found["weighted"]:
        assert_binary(each, ORDER, cases.WEIGHTS)


def test_logs_have_the_scores_of_all_rows(found):
    first, second = (each["logs"] for each in found["weighted"])
    assert first == second
    assert first["val_f1"] == found["weighted"][0]["scores"]["f1"]


def test_multiclass(found):
    for each in found["multiclass"]:
        np.testing.assert_array_equal(each["rows"]["y_pred"], cases.LOGITS[ORDER])
        assert_multiclass(each, ORDER)


def test_several_outputs(found):
    for each in found["several_outputs"]:
        for output, targets in {"a": cases.Y, "b": 1 - cases.Y}.items():
            np.testing.assert_array_equal(each["rows"][output]["y_true"], targets[ORDER])
            scores = {name: each["scores"][f"{output}_{name}"][0] for name in ("f1", "precision", "recall", "kappa")}
            scores |= {name: each["scores"][f"{output}_{name}"][0] for name in ("auc", "confusion")}
            assert_panel(scores, targets, cases.X[:, 0])


def test_masks(found):
    kept = cases.STEPS[..., 0] != 0
    for each in found["masked"]:
        np.testing.assert_array_equal(each["rows"]["mask"], kept[ORDER])
        scores = {name: values[0] for name, values in each["scores"].items()}
        assert_panel(scores, cases.TAGS[kept], cases.STEPS[..., 0][kept].astype("float32"))


def test_outputs_of_half_precision(found):
    for each in found["half_precision"]:
        rows = each["rows"]
        np.testing.assert_array_equal(rows["y_true"], cases.Y[ORDER])
        np.testing.assert_allclose(rows["y_pred"].astype("float32"), cases.X[ORDER], rtol=2**-7)
        labels = rows["y_pred"].astype("float32") > 0.5
        assert each["scores"]["f1"] == [f1_score(rows["y_true"], labels)]


def test_batch_shared_across_processes_and_model_within_them(found):
    for each in found["model_parallel"]:
        assert_multiclass(each, ORDER)


def test_model_shared_across_processes_and_rows_fed_by_both(found):
    for each in found["model_parallel_across"]:
        assert_multiclass(each, np.arange(cases.ROWS))


@pytest.mark.parametrize("case", ["counts", "counts_of_classes", "counts_of_copies"])
def test_each_process_counts_its_own_rows_and_has_the_scores_of_all_rows(found, case):
    first, second = found[case]
    assert (first["own"], second["own"]) == ((cases.ROWS, 0) if case == "counts_of_copies" else (40, 40))
    assert first["counted"].keys() == first["exact"].keys()
    for each in (first, second):
        for name, values in each["exact"].items():
            if name in each["bounds"]:
                ((low, high),) = each["bounds"][name]
                assert low - 1e-12 <= values[0] <= high + 1e-12
                assert high - low < 0.02
            else:
                np.testing.assert_allclose(each["counted"][name][0], values[0], rtol=1e-12, err_msg=name)
    assert np.sum(first["counted"]["confusion"][0]) == pytest.approx(
        cases.WEIGHTS.sum(dtype=float) if case == "counts" else cases.ROWS
    )


def test_counting_that_fails_in_one_process_raises_in_both(found):
    first, second = found["counts_that_fail"]
    assert first["error"].startswith("CaptureError: Metrics: counting the rows failed in process 1 of those that train")
    for each in (first, second):
        assert "DataError: Metrics: the model has 4 classes (0, 1, 2, 3), but the targets hold 9." in each["error"]
    for each in (first, second):
        assert_binary(each["after"], ORDER)


def test_given_data(found):
    for each in found["given"]:
        assert_binary(each, ORDER, cases.WEIGHTS, epochs=2)
        assert each["logs"]["test_f1"] == each["scores"]["f1"]
        assert_panel(each["evaluated"], cases.Y, cases.X[:, 0], cases.WEIGHTS)


def test_predict_of_keras_itself_fails(found):
    """docs/keras_limitations.md has a workaround. If this test fails, Keras can do it now."""
    for each in found["given"]:
        assert "non-addressable" in each["by_keras"]


def test_weights_equal_those_of_a_fit_without_metrics(found):
    for each in found["trained"]:
        for ours, theirs in zip(each["with"], each["without"], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_an_uneven_batch_raises_in_every_process(found):
    for each in found["uneven"]:
        assert [name for name, _ in each["errors"]] == ["CaptureError", "IndivisibleError"] * 3 + ["CaptureError"]
        assert "of this process into 2 equal parts" in each["errors"][0][1]
        assert "Pass a batch size of 6, and 40 or 42 rows," in each["errors"][2][1]
        assert each["rows"] == 32


def test_different_numbers_of_rows_raise_in_every_process(found):
    for each in found["unlike"]:
        assert len(each["errors"]) == 2
        assert all("here they feed 24, 22 rows, in batches of 16, 16." in message for message in each["errors"])
        assert_binary(each["after"], ORDER)


# Files.


def test_the_first_process_writes_the_files(found, folder):
    assert sorted(path.name for path in folder.glob("scores*")) == ["scores.0.jsonl"]
    (pictures,) = folder.glob("pictures*")
    assert pictures.name == "pictures.0"
    assert len(list((pictures / "validation").iterdir())) == 1
    first = found["files"][0]["first"]
    lines = [json.loads(line) for line in found["files"][0]["file"].splitlines()[1:]]
    assert [line["scores"]["f1"] for line in lines] == first["scores"]["f1"]


def test_both_processes_resume_the_file(found, folder):
    history = ScoreHistory.load(folder / "scores.0.jsonl")
    for each in found["files"]:
        assert each["resumed"]["epochs"] == history.epochs == [0, 1, 2, 3]
        assert each["resumed"]["scores"]["f1"] == history["f1"]
        assert history["f1"][:2] == each["first"]["scores"]["f1"]
        rows = each["resumed"]["rows"]
        np.testing.assert_array_equal(
            history["confusion"][-1], confusion_matrix(rows["y_true"], rows["y_pred"][:, 0] > 0.5)
        )


# Three processes, of one device each.


@pytest.fixture(scope="module")
def found_by_three(tmp_path_factory):
    return results(WITH_THREE, 3, tmp_path_factory.mktemp("three_processes"))


def test_three_processes(found_by_three):
    rows = order(cases.ROWS, 3)
    assert sorted(rows) == list(range(78))  # a third each
    for each in found_by_three:
        for case in ("binary", "several_steps"):
            assert_binary(each[case], rows)
        assert_binary(each["weighted"], rows, cases.WEIGHTS)
        np.testing.assert_equal(each["counts"]["counted"], found_by_three[0]["counts"]["counted"])
        assert each["counts"]["own"] == 26
        assert np.sum(each["counts"]["counted"]["confusion"][0]) == pytest.approx(cases.WEIGHTS[:78].sum(dtype=float))


def test_a_score_that_raises_in_one_of_three_processes_raises_in_all(found_by_three):
    for index, each in enumerate(found_by_three):
        kind, message = each["score_that_raises"]["error"]
        assert kind == ("ScoringError" if index == 1 else "CaptureError")
        assert "planted" in message
        assert_binary(each["score_that_raises"]["after"], order(cases.ROWS, 3))


# Sums and parts.


def test_sums_over_processes_are_exact(found):
    for each in found["sums"]:
        counts, floats, none, number = each["sums"]
        assert counts.dtype == number.dtype == "int64"
        assert counts.tolist() == [[2**54 + 3, -(2**62)], [6, 8]]
        assert floats.dtype == none.dtype == "float64"
        assert floats.tolist() == [0.1 + 0.2, 2e300]
        assert none.shape == (0, 2)
        assert number == 14
        whole, parts = each["joined"]
        assert whole.tolist() == [2**60, 2**60, 2**60 + 1]
        assert parts.tolist() == [0.1] * 3


def test_each_row_of_a_captured_batch_is_on_one_process(found):
    for process, each in enumerate(found["parts"]):
        for name, array in {"y_true": cases.Y, "y_pred": cases.X, "sample_weight": cases.WEIGHTS}.items():
            held = np.concatenate([captured[name] for captured in each["binary"]])
            np.testing.assert_array_equal(held, part(array, process, 2))
        assert [captured["mask"] for captured in each["binary"]] == [None] * 3
        held = np.concatenate([captured["mask"] for captured in each["masked"]])
        np.testing.assert_array_equal(held, part(cases.STEPS[..., 0] != 0, process, 2))


def test_parts_of_batches_with_other_shardings(found):
    for process, each in enumerate(found["parts_of_other_shardings"]):
        nested = each["nested"]
        np.testing.assert_array_equal(nested["y_true"]["a"], part(cases.KINDS, process, 2))
        np.testing.assert_array_equal(nested["y_pred"][0], part(cases.LOGITS, process, 2))
        assert nested["mask"] is None
        assert each["different"] is each["columns"] is each["on the host"] is None
        assert each["copies"]["y_pred"].shape == ((cases.ROWS, 0)[process], 4)
        assert len(each["copies"]["y_true"]) == (cases.ROWS, 0)[process]


# Errors in one process.


def test_all_processes_record_what_the_first_one_has_if_a_score_fails_in_another(found):
    assert_recorded_of_first(found["score_that_fails_later"])


def test_a_score_that_raises_in_one_process_raises_in_both(found):
    first, second = found["score_that_raises"]
    assert first["error"][0] == "CaptureError"
    assert "failed in process 1" in first["error"][1]
    assert second["error"][0] == "ScoringError"
    assert "failed in epoch 1" in second["error"][1]
    for each in (first, second):  # they train together again
        assert_binary(each["after"], ORDER)


@pytest.mark.parametrize(("case", "killed"), [("first_killed", 0), ("second_killed", 1)])
def test_a_process_does_not_wait_forever_for_one_that_was_killed(tmp_path, case, killed):
    codes, outputs = run([case], 2, tmp_path, heartbeat=10)
    assert codes[killed] == -9
    assert codes[1 - killed] not in (0, -9), outputs[1 - killed]
    assert ScoreHistory.load(tmp_path / "scores.jsonl").epochs == [0, 1]


def test_the_error_names_a_process_without_the_callback(tmp_path):
    codes, outputs = run(["without_the_callback"], 2, tmp_path, heartbeat=10)
    assert 0 not in codes
    assert "Metrics: process 0 of 2 waited for the others at the start of a fit, up to 8 seconds" in outputs[0]
    assert re.search(r"timed out task names:\s*1\b", outputs[0])


def test_a_process_does_not_wait_forever_for_one_that_raised(tmp_path):
    codes, outputs = run(["callback_that_raises"], 2, tmp_path, heartbeat=10)
    assert 0 not in codes
    assert "ZeroDivisionError: planted" in outputs[1]
    assert "planted" not in outputs[0]
    assert ScoreHistory.load(tmp_path / "scores.jsonl").epochs == [0, 1]
