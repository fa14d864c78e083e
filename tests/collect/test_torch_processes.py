"""PyTorch's processes: training them together is refused, because each would score its own rows only.

Keras 3.16 trains them together, with `keras.distribution` and without. Before, `keras.distribution` can be set but does
nothing on PyTorch, and the user's own loop may join them: there each process scores the rows it is given, and warns.
"""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from kerascb_metrics import CaptureError, Metrics
from tests.support.models import binary_rows, echo_model

X, Y = binary_rows(102, seed=1)
JOINED = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 16)
LIMIT = 300  # seconds


# Stand-ins for torch.distributed: the same on every Keras.


@pytest.fixture
def two_processes(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda group=None: 2)


@pytest.fixture
def distribution(monkeypatch):
    own = keras.distribution.DataParallel(devices=["cpu:0"])
    monkeypatch.setattr(keras.distribution, "distribution", lambda: own)


def refused(action):
    with pytest.raises(
        CaptureError, match=r"2 processes of torch\.distributed train together.*own rows only"
    ) as raised:
        action()
    return str(raised.value)


@pytest.mark.usefixtures("distribution", "two_processes")
def test_a_distribution_of_several_processes_is_refused():
    model = echo_model()
    for metrics, options in (
        (Metrics(), {"validation_data": (X, Y)}),
        (Metrics(validation_data=(X, Y)), {}),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.distributed, "is_initialized", lambda: False)  # for Keras; Metrics asks in its hook
            both = keras.callbacks.LambdaCallback(
                on_train_begin=lambda logs, patch=patch: patch.setattr(
                    torch.distributed, "is_initialized", lambda: True
                )
            )
            message = refused(
                lambda both=both, metrics=metrics, options=options: model.fit(
                    X, Y, verbose=0, callbacks=[both, metrics], **options
                )
            )
        assert "(DataParallel)" in message
    assert "metrics.evaluate(model, data) in a separate process" in refused(lambda: Metrics().evaluate(model, (X, Y)))


@pytest.mark.usefixtures("distribution")
def test_a_distribution_of_one_process_is_scored():
    found = Metrics(verbose=False).evaluate(echo_model(), (X, Y))
    np.testing.assert_array_equal(found["confusion"], sk.confusion_matrix(Y, X[:, 0] > 0.5))


# Two processes.


def run(case, folder):
    """Run a case of `torch_worker.py` in two processes; return what each found."""
    root = Path(__file__).parent.parent.parent
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    logs = [folder / f"output.{index}" for index in (0, 1)]
    started = []
    try:
        for index, log in enumerate(logs):
            command = [sys.executable, "-m", "tests.support.torch_worker", str(index), str(folder), case]
            with open(log, "w") as output:
                started.append(
                    subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=subprocess.STDOUT)
                )
        codes = [process.wait(timeout=LIMIT) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert codes == [0, 0], "\n".join(log.read_text() for log in logs)
    return [pickle.loads((folder / f"results.{index}").read_bytes()) for index in (0, 1)]


def assert_refused(found):
    for each in found:
        for how in ("captured", "given", "evaluate"):
            assert "2 processes of torch.distributed train together" in each[how]["error"]
            assert each[how]["batches"] == 0


@pytest.mark.slow
def test_two_processes_under_keras_distribution(tmp_path):
    found = run("distributed", tmp_path)
    assert_refused(found)
    assert all("(DataParallel)" in each["captured"]["error"] for each in found)
    if JOINED:
        np.testing.assert_array_equal(found[0]["weights"], found[1]["weights"])
    else:  # Keras trained each by itself, whatever was set
        assert not np.array_equal(found[0]["weights"], found[1]["weights"])
    # The workaround: this test runs in a separate process.
    model = keras.models.load_model(tmp_path / "trained.0.keras")
    scores = Metrics(verbose=False).evaluate(model, (X, Y))
    labels = model.predict(X, verbose=0)[:, 0] > 0.5
    np.testing.assert_array_equal(scores["confusion"], sk.confusion_matrix(Y, labels))


@pytest.mark.slow
def test_two_processes_side_by_side(tmp_path):
    found = run("side_by_side", tmp_path)
    if JOINED:
        assert_refused(found)
        assert all(f"(Keras {keras.__version__} joins them)" in each["captured"]["error"] for each in found)
        return
    for index, each in enumerate(found):
        rows = slice(51 * index, 51 * (index + 1))
        expected = sk.confusion_matrix(Y[rows], X[rows, 0] > 0.5)
        for how in ("captured", "given", "evaluate"):
            assert each[how]["error"] is None
            np.testing.assert_array_equal(each[how]["scores"], [expected])
            warned = [one for one in each[how]["warned"] if "torch.distributed has 2 processes" in one]
            assert len(warned) == (how != "evaluate")


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
