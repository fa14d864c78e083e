"""TensorFlow's strategies: every row once and in order, however replicas share them; and what Keras cannot do there."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sk

from kerascb_metrics import CaptureError
from kerascb_metrics.collect.backends import tensorflow
from tests.support.mirrored_fits import CASES, EPOCHS, IMPOSSIBLE, LENGTHS, masked_rows, rows, rows_of_two

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.slow
WAYS = ("own", "given", "evaluate")


@cache
def found(replicas, case):
    """The result of a case of mirrored_fits.py; each process runs once."""
    result = _run(replicas)[case]
    assert "error" not in result, result["error"]
    return result


@cache
def _run(replicas):
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.mirrored_fits", str(replicas)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout.splitlines()[-1])


def binary_scores(y, p, w=None):
    """The default scores, computed by scikit-learn."""
    labels = (p > 0.5).astype(int)
    return {
        "f1": sk.f1_score(y, labels, sample_weight=w),
        "precision": sk.precision_score(y, labels, sample_weight=w),
        "recall": sk.recall_score(y, labels, sample_weight=w),
        "kappa": sk.cohen_kappa_score(y, labels, sample_weight=w),
        "auc": sk.roc_auc_score(y, p, sample_weight=w),
        "confusion": sk.confusion_matrix(y, labels, sample_weight=w),
    }


def assert_scores(values, expected):
    assert set(expected) <= set(values)
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=0, atol=1e-12, err_msg=name)


def assert_rows(seen, x, y, w=None, mask=None):
    """Rows once and in order, to the last bit."""
    np.testing.assert_array_equal(np.ravel(seen["y_true"]), np.ravel(y))
    np.testing.assert_array_equal(np.ravel(np.array(seen["y_pred"], "float32")), np.ravel(x))
    for name, expected in (("sample_weight", w), ("mask", mask)):
        if expected is None:
            assert seen[name] is None
        else:
            np.testing.assert_array_equal(np.ravel(np.array(seen[name], expected.dtype)), np.ravel(expected))


@pytest.mark.parametrize("count", LENGTHS)
@pytest.mark.parametrize("replicas", [2, 3])
def test_rows_come_once_and_in_order(replicas, count):
    result, (x, y, w) = found(replicas, "uneven")[str(count)], rows(count)
    assert len(result["epochs"]) == EPOCHS
    for own, given in result["epochs"]:
        assert_rows(own, x, y, w)
        assert_rows(given, x, y, w)
    for way in WAYS:
        assert_scores(result[way][0], binary_scores(y, x[:, 0], w))
    assert result["logs"]["val_f1"] == result["logs"]["given_f1"] == [result["own"][0]["f1"]] * EPOCHS


@pytest.mark.parametrize("count", LENGTHS)
@pytest.mark.parametrize("replicas", [2, 3])
def test_no_trace_after_the_first_epoch(replicas, count):
    traces = found(replicas, "uneven")[str(count)]["traces"]
    assert traces[0] > 0
    assert set(traces) == {traces[0]}


def test_masks_and_weights_of_positions():
    result, (x, y, w) = found(3, "masks"), masked_rows()
    mask = x[..., 0] != 0
    for own, given in result["epochs"]:
        assert_rows(own, x, y, w, mask)
        assert_rows(given, x, y, w, mask)
    for way in WAYS:
        assert_scores(result[way][0], binary_scores(y[mask][:, 0], x[mask][:, 0], w[mask]))


def test_several_outputs():
    result, (x, y) = found(2, "two_outputs"), rows_of_two()
    for epoch in result["epochs"]:
        for seen in epoch:
            assert_rows(seen["one"], x["a"], y["one"])
            assert_rows(seen["kind"], x["b"], y["kind"])
    labels = x["b"].argmax(axis=1)
    kinds = {
        "f1": sk.f1_score(y["kind"], labels, average="macro"),
        "kappa": sk.cohen_kappa_score(y["kind"], labels),
        "confusion": sk.confusion_matrix(y["kind"], labels),
    }
    for way in WAYS:
        values = result[way][0]
        assert_scores(
            {name.removeprefix("one_"): values[name] for name in values}, binary_scores(y["one"], x["a"][:, 0])
        )
        assert_scores({name.removeprefix("kind_"): values[name] for name in values}, kinds)


@pytest.mark.parametrize("source", ["PyDataset", "tf.data of unknown length", "a distributed dataset"])
def test_sources_of_data(source):
    assert_rows(found(2, "sources")[source], *rows(25))


def test_a_fit_with_metrics_equals_one_without():
    result = found(2, "transparent")
    assert result["with"] == result["without"]
    assert result["weights"][0] == result["weights"][1]
    assert result["attributes"][0] == result["attributes"][1]
    assert result["after evaluate"] == [True, [], True]  # weights, attributes more, functions


def test_a_single_device_with_the_same_weights_has_the_same_scores():
    result, (_, y, w) = found(2, "transparent"), rows(29)
    p = np.array(result["predictions"]["y_pred"], "float32")
    np.testing.assert_allclose(p, result["predicted by a single device"], rtol=0, atol=1e-6)
    for name, value in result["of a single device"].items():
        np.testing.assert_allclose(result["scores"][name], value, rtol=0, atol=1e-6, err_msg=name)
    assert_scores(result["scores"], binary_scores(y, p[:, 0], w))


@pytest.mark.parametrize("strategy", ["MirroredStrategy", "OneDeviceStrategy", "MultiWorkerMirroredStrategy"])
def test_with_one_replica_nothing_is_refused(strategy):
    assert_rows(found(2, "one_replica")[strategy], *rows(25))


# What Keras itself cannot do.

WORDS = {
    "an uneven first batch": "2 replicas.*a batch of 7 rows,.*a multiple of 2",
    "a default batch of too few rows": "a batch of 1 rows,.*a multiple of 2.*not more than the validation rows",
    "an uneven first batch, split off": "a batch of 5 rows,.*a multiple of 2",
    "jit_compile": "jit_compile=True.*2 replicas",
    "steps_per_execution": "steps_per_execution=2.*19246.*steps_per_execution=1",
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_refused_before_training(what):
    steps, kind, words = found(2, "refused")[what]
    assert (steps, kind) == (0, "CaptureError")
    with pytest.raises(CaptureError, match=WORDS[what]):
        raise CaptureError(words)


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_keras_itself_fails_on_what_is_refused(what):
    """If this test fails, Keras can do it now, and it need not be refused any more."""
    assert found(2, "keras_alone")[what][1] == "InvalidArgumentError"


def test_what_keras_can_do_is_not_refused():
    result, (x, y, w) = found(2, "not_refused"), rows(25)
    assert result["eagerly"] == result["never validated"] == [None, ""]
    assert_rows(result["eagerly scored"], *rows(26))
    for what in ("jit_compile", "steps_per_execution"):
        assert_scores(result[f"evaluate with {what}"], binary_scores(y, x[:, 0], w))


class OfTwoWorkers(tf.distribute.MultiWorkerMirroredStrategy):
    """One of two workers with a device each, as far as the code looks: a real worker waits for the other."""

    num_replicas_in_sync = 2
    extended = SimpleNamespace(worker_devices=("/device:CPU:0",))

    def __init__(self):
        pass


@pytest.mark.parametrize("given", [False, True])
def test_parameter_servers_are_refused(given):
    model = SimpleNamespace(distribute_strategy=object.__new__(tf.distribute.ParameterServerStrategy))
    with pytest.raises(CaptureError, match=r"ParameterServerStrategy.*18624.*MirroredStrategy"):
        tensorflow.BACKEND.refuse_unsupported(model, given=given)


def test_several_workers_are_refused_in_fit_only():
    model = SimpleNamespace(distribute_strategy=OfTwoWorkers())
    with pytest.raises(CaptureError, match=r"several workers.*20585.*metrics\.evaluate"):
        tensorflow.BACKEND.refuse_unsupported(model)
    tensorflow.BACKEND.refuse_unsupported(model, given=True)


def test_every_case_is_tested():
    assert {case.__name__ for cases in CASES.values() for case in cases} == {
        *("uneven", "masks", "two_outputs", "sources", "transparent", "one_replica"),
        *("refused", "not_refused", "keras_alone"),
    }
