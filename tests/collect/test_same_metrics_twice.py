"""One Metrics serves one fit at a time: twice in a list, in a fit within a fit, or in two threads it is an error."""

import threading
from functools import cache

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Metrics
from tests.support.models import BACKEND, binary_rows, echo_model, in_batches

X, Y = binary_rows(24, seed=1)
JIT = {"jit_compile": False} if BACKEND == "tensorflow" else {}
F1 = sk.f1_score(Y, X[:, 0] > 0.5)


DATA = in_batches(X, Y, 12)
SOURCES = {"captured": {}, "given": {"validation_data": DATA, "prefix": "test_"}}


@pytest.fixture(params=SOURCES)
def metrics(request):
    return Metrics(["f1"], verbose=False, **SOURCES[request.param])


@cache
def shared_model(which=0):
    """Models that never change, compiled once."""
    return echo_model(**JIT)


def fit(model, *callbacks, epochs=2):
    return model.fit(DATA, validation_data=DATA, shuffle=False, epochs=epochs, verbose=0, callbacks=list(callbacks))


class Trained(keras.callbacks.Callback):
    """Counts the batches trained on."""

    def __init__(self):
        super().__init__()
        self.batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


def once_in(hook, action):
    """A callback that calls `action()` in the first call of a hook."""

    def act(self, *args, **kwargs):
        if not self.done:
            self.done = True
            assert self.model is not None  # on JAX, reading it brings the state up to date
            action()

    return type("Once", (keras.callbacks.Callback,), {hook: act, "done": False})()


def test_twice_in_one_list(metrics):
    trained, other, stop = Trained(), Metrics(["f1"], prefix="other_", validation_data=DATA), keras.callbacks.History()
    with pytest.raises(ValueError, match=r"the same Metrics is in callbacks=\[…\] twice"):
        fit(shared_model(), trained, metrics, other, stop, metrics)
    assert trained.batches == 0
    fit(shared_model(), metrics)
    assert metrics.f1s == [F1, F1]


@pytest.mark.parametrize("which", ["the same model", "another model"])
@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_train_batch_end", "on_test_batch_end", "on_epoch_end", "on_train_end"]
)
def test_a_fit_within_a_fit(metrics, hook, which):
    """The inner fit is refused before it trains; the outer one continues, or ends with the error."""
    if hook == "on_train_end" and not metrics.uses_fit_validation:
        pytest.skip("with given data Metrics is called first: for it the fit has ended")
    model, trained, errors = shared_model(), Trained(), []
    inner = model if which == "the same model" else shared_model(1)

    def caught():
        with pytest.raises(ValueError, match="in use: another fit, which has not ended") as raised:
            fit(inner, trained, metrics)
        errors.append(str(raised.value))

    def listed(where, action):
        return (once_in(hook, action), metrics) if where == "before" else (metrics, once_in(hook, action))

    ended = {"on_train_begin": "after", "on_train_end": "before"}  # while Metrics is in the fit
    fit(model, *listed(ended.get(hook, "before"), caught))
    assert len(errors) == 1
    assert metrics.f1s == [F1, F1]
    assert trained.batches == 0
    if not metrics.uses_fit_validation and which == "another model":
        assert metrics.model is model

    with pytest.raises(ValueError, match="in use"):
        fit(model, *listed(ended.get(hook, "before"), lambda: fit(inner, metrics)))
    fit(inner, metrics, epochs=1)
    assert metrics.f1s == [F1]


def test_two_fits_in_two_threads(metrics):
    """The first fit continues; the second is refused before it trains."""
    models, inside, refused = [shared_model(), shared_model(1)], threading.Event(), threading.Event()
    trained, errors = Trained(), []

    def wait(epoch, logs):
        inside.set()
        assert refused.wait(60)

    def first():
        fit(models[0], metrics, keras.callbacks.LambdaCallback(on_epoch_begin=wait))

    def second():
        assert inside.wait(60)
        try:
            fit(models[1], trained, metrics)
        except ValueError as error:
            errors.append(str(error))
        refused.set()

    run(first, second)
    assert len(errors) == 1
    assert "in use" in errors[0]
    assert trained.batches == 0
    assert metrics.f1s == [F1, F1]
    fit(models[1], metrics, epochs=1)
    assert metrics.f1s == [F1]


def test_two_fits_that_begin_at_once(metrics):
    """One of them gets it, either one."""
    models, together, ended = [shared_model(), shared_model(1)], threading.Barrier(2), []
    meet = [keras.callbacks.LambdaCallback(on_train_begin=lambda logs: together.wait(60)) for _ in models]
    leave = keras.callbacks.LambdaCallback(on_train_end=lambda logs: together.wait(60))

    def begin(place):
        try:
            fit(models[place], meet[place], metrics, leave)
            ended.append("scored")
        except ValueError as error:
            ended.append("refused" if "in use" in str(error) else str(error))
            together.wait(60)

    run(lambda: begin(0), lambda: begin(1))
    assert sorted(ended) == ["refused", "scored"]
    assert metrics.f1s == [F1, F1]


class Interrupted(keras.callbacks.Callback):
    def __init__(self, error, hook):
        super().__init__()

        def act(*args, **kwargs):
            raise error

        setattr(self, hook, act)


@pytest.mark.parametrize("error", [RuntimeError("of mine"), KeyboardInterrupt()], ids=["exception", "Ctrl-C"])
@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin", "on_test_batch_end", "on_epoch_end"])
def test_a_fit_after_an_interrupted_one(metrics, hook, error):
    """Also while the traceback keeps the frames of that fit, in another thread, and from within another fit."""
    model = shared_model()
    with pytest.raises(type(error)) as raised:
        fit(model, metrics, Interrupted(error, hook))
    fit(model, metrics)
    assert metrics.f1s == [F1, F1]
    with pytest.raises(type(error)) as again:
        fit(model, metrics, Interrupted(error, hook))
    run(lambda: fit(model, metrics, epochs=3))
    assert metrics.f1s == [F1] * 3
    with pytest.raises(type(error)):
        fit(model, metrics, Interrupted(error, hook))
    fit(shared_model(1), once_in("on_epoch_begin", lambda: fit(model, metrics)), epochs=1)
    assert metrics.f1s == [F1, F1]
    assert raised.tb is not None
    assert again.tb is not None


def test_one_list_of_callbacks_for_an_interrupted_fit_and_the_next(metrics):
    """The user's own CallbackList is the same object in both."""
    model = shared_model()
    fails = once_in("on_epoch_begin", lambda: 1 / 0)
    callbacks = keras.callbacks.CallbackList([metrics, fails], add_history=True, model=model, epochs=2, verbose=0)
    for expected in (ZeroDivisionError, None):
        if expected:
            with pytest.raises(expected):
                model.fit(DATA, validation_data=DATA, epochs=2, verbose=0, shuffle=False, callbacks=callbacks)
        else:
            model.fit(DATA, validation_data=DATA, epochs=2, verbose=0, shuffle=False, callbacks=callbacks)
    assert metrics.f1s == [F1, F1]


def test_the_user_s_own_loop_is_not_refused():
    """Without `fit` nothing is on the stack; given data is scored."""
    metrics, model = Metrics(["f1"], verbose=False, validation_data=DATA), shared_model()
    model.fit(DATA, verbose=0, shuffle=False)
    for _ in range(2):
        callbacks = keras.callbacks.CallbackList([metrics], model=model, epochs=1, verbose=0)
        callbacks.on_train_begin()
        callbacks.on_epoch_begin(0)
        callbacks.on_epoch_end(0, {})
    assert metrics.f1s == [F1]


def test_another_model_can_be_set_within_the_fit():
    """A callback that scores an inner model does this."""
    metrics, other = Metrics(["f1"], verbose=False, validation_data=DATA, task="binary"), echo_model(**JIT)
    other.get_layer("echo").set_weights([np.zeros((1, 1))])
    fit(shared_model(), metrics, once_in("on_epoch_begin", lambda: metrics.set_model(other)))
    assert metrics.f1s == [0.0, 0.0]


def run(*actions):
    """Run functions in one thread each; raise the first error."""
    errors = []

    def guarded(action):
        try:
            action()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    if errors:
        raise errors[0]
