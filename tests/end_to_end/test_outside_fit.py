"""Outside `fit`: `evaluate`, `predict` and custom training loops score right, or name a way that works."""

import copy
import itertools
import re
import warnings

import keras
import numpy as np
import pytest
from sklearn.metrics import f1_score

from kerascb_metrics import Metrics
from kerascb_metrics.exceptions import CaptureError
from tests.support.models import binary_rows, echo_model, in_batches, shared_echo_model

X, Y = binary_rows(24, seed=1)
DATA = in_batches(X, Y, 12)
F1 = f1_score(Y, X[:, 0] > 0.5)
ADVICE = re.compile(
    r"metrics\.evaluate\(model, \(x_val, y_val\)\)|metrics = Metrics\(validation_data=\(x_val, y_val\)\)"
)
HOOKS = ("on_train_begin", "on_epoch_begin", "evaluate", "on_epoch_end", "on_train_end")
SUBSETS = [each for count in range(len(HOOKS) + 1) for each in itertools.combinations(HOOKS, count)]


@pytest.mark.parametrize(
    "arguments",
    [lambda own: {"metrics": [own]}, lambda own: {"weighted_metrics": ["accuracy", own]}, lambda own: {"metrics": own}],
    ids=["metrics", "weighted_metrics", "no list"],
)
def test_error_of_keras_for_metrics_given_to_compile_names_fit(arguments):
    def train():
        model = echo_model()
        model.compile(loss="binary_crossentropy", **arguments(Metrics()))
        model.fit(X, Y, verbose=0)

    with pytest.raises(ValueError, match=r"Metrics\(val_….*\), a callback: pass it to fit\(callbacks=\[…\]\)"):
        train()


def as_list(metrics, model):
    return keras.callbacks.CallbackList([metrics], model=model)


def by_hand(metrics, model):
    """Hooks of the callback itself, without a list."""
    metrics.set_model(model)
    return metrics


def run_loop(hooks, callbacks, model, epochs=2):
    """A custom training loop that calls some of the hooks."""
    given = callbacks if isinstance(callbacks, keras.callbacks.CallbackList) else [callbacks]
    if "on_train_begin" in hooks:
        callbacks.on_train_begin()
    for epoch in range(epochs):
        if "on_epoch_begin" in hooks:
            callbacks.on_epoch_begin(epoch)
        logs = model.evaluate(DATA, verbose=0, callbacks=given, return_dict=True) if "evaluate" in hooks else {}
        if "on_epoch_end" in hooks:
            callbacks.on_epoch_end(epoch, logs)
    if "on_train_end" in hooks:
        callbacks.on_train_end()


def messages_of(run):
    """What a run raised and warned of, of ours."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", UserWarning)
        try:
            run()
            said = []
        except CaptureError as error:
            said = [str(error)]
        except ValueError as error:  # Keras's own, of its CallbackList
            assert "called without corresponding" in str(error)  # noqa: PT017
            said = []
    return said + [str(warning.message) for warning in seen if str(warning.message).startswith("Metrics: ")]


def advice_works(message, model):
    """Run the line of code that a message ends with; return the F1 that it leads to."""
    names = {"Metrics": Metrics, "metrics": Metrics(verbose=False), "model": model, "x_val": X, "y_val": Y}
    line = ADVICE.findall(message)[-1]
    assert message.endswith(line)
    if line.startswith("metrics.evaluate"):
        return eval(line, names)["f1"]
    exec(line, names)
    run_loop(set(HOOKS) - {"evaluate"}, as_list(names["metrics"], model), model, epochs=1)
    return names["metrics"].f1s[0]


@pytest.mark.parametrize("hooks", SUBSETS, ids="+".join)
@pytest.mark.parametrize("through", [as_list, by_hand])
@pytest.mark.parametrize("options", [{}, {"validation_data": DATA}], ids=["own pass", "given data"])
def test_every_combination_of_hooks(options, through, hooks):
    model, metrics = shared_echo_model(), Metrics(verbose=False, **options)
    said = messages_of(lambda: run_loop(hooks, through(metrics, model), model))

    assert metrics.f1s == [F1] * len(metrics.history.epochs)
    assert metrics.history.epochs == list(range(len(metrics.history.epochs)))
    complete = set(hooks) >= {"on_train_begin", "on_epoch_end"} and (
        options or (through is as_list and set(hooks) >= {"on_epoch_begin", "evaluate"})
    )
    if complete:
        assert len(metrics.f1s) == 2
    asked = {"evaluate", "on_epoch_end"} & set(hooks)
    assert metrics.f1s or said or not asked  # never silent
    for message in said:
        assert advice_works(message, model) == F1
    model.__dict__.pop("evaluate", None)  # of a loop that did not end


@pytest.mark.parametrize("options", [{}, {"validation_data": DATA}], ids=["own pass", "given data"])
@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_evaluate_and_predict_warn_once(method, options):
    model, metrics = shared_echo_model(), Metrics(verbose=False, **options)
    said = messages_of(lambda: [getattr(model, method)(DATA, verbose=0, callbacks=[metrics]) for _ in range(2)])
    assert len(said) == 1
    assert f"model.{method}() was given this Metrics" in said[0]
    assert advice_works(said[0], model) == F1
    assert metrics.history.epochs == []
    model.fit(
        DATA, validation_data=DATA, verbose=0, shuffle=False, callbacks=[metrics]
    )  # and it serves a fit afterwards
    assert metrics.f1s == [F1]


@pytest.mark.parametrize("options", [{}, {"validation_data": DATA}], ids=["own pass", "given data"])
def test_after_a_fit_and_within_one(options):
    model, metrics = shared_echo_model(), Metrics(verbose=False, **options)
    model.fit(DATA, validation_data=DATA, shuffle=False, verbose=0, callbacks=[metrics])
    with pytest.warns(UserWarning, match=r"metrics\.evaluate"):
        model.evaluate(DATA, verbose=0, callbacks=[metrics])
    nested = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: model.evaluate(DATA, verbose=0, callbacks=[metrics])
    )
    with pytest.warns(UserWarning, match=r"metrics\.evaluate"):
        model.fit(DATA, validation_data=DATA, shuffle=False, epochs=2, verbose=0, callbacks=[metrics, nested])
    assert metrics.f1s == [F1, F1]


@pytest.mark.parametrize("place", ["by name", "by position"])
@pytest.mark.parametrize("return_dict", [True, False])
def test_evaluate_returns_what_it_was_asked_for(return_dict, place):
    model, metrics = echo_model(metrics=["accuracy"]), Metrics(["f1", "accuracy"], verbose=False)
    plain = model.evaluate(DATA, verbose=0, return_dict=return_dict)
    callbacks = as_list(metrics, model)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    positions = (None, None, 0, None, None, callbacks) if place == "by position" else ()
    names = {} if positions else {"verbose": 0, "callbacks": callbacks}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Metrics: .*accuracy", category=UserWarning)  # the renamed key
        found = model.evaluate(DATA, *positions, **names, return_dict=return_dict)
    if return_dict:
        assert found == {**plain, "f1": F1, "sklearn_accuracy": metrics.history["accuracy"][0]}
    else:
        assert found == plain
    assert metrics.f1s == [F1]
    callbacks.on_train_end()


def test_rows_left_out_are_seen_in_a_loop_too():
    """The targets may be passed by position."""
    model, metrics = echo_model(), Metrics(verbose=False)
    model.evaluate(X, Y, verbose=0)
    callbacks = as_list(metrics, model)
    callbacks.on_train_begin()
    callbacks.on_epoch_begin(0)
    original = model.evaluate._inner
    model.evaluate._inner = lambda x, y, **others: keras.Model.evaluate(model, x[:12], y[:12], **others)
    with pytest.raises(CaptureError, match="24 rows, but 12 were captured"):
        model.evaluate(X, Y, verbose=0, callbacks=callbacks)
    model.evaluate._inner = original


class NotKeras:
    """Something that is no Keras model."""


@pytest.mark.parametrize("options", [{}, {"validation_data": DATA}], ids=["own pass", "given data"])
@pytest.mark.parametrize("model", [None, NotKeras()], ids=["no model", "another kind of model"])
def test_a_list_without_a_keras_model(model, options):
    callbacks = as_list(Metrics(verbose=False, **options), model)
    with pytest.raises(CaptureError, match=r"CallbackList\(\[metrics\], model=model\)") as raised:
        callbacks.on_train_begin()
    assert advice_works(str(raised.value), shared_echo_model()) == F1


WRONG_EPOCHS = {
    "two passes in an epoch": (["begin 0", "evaluate", "evaluate"], "came after epoch 0 was scored"),
    "an epoch again": (["begin 0", "evaluate", "end 0", "begin 0"], "came after epoch 0 was scored"),
    "an earlier epoch": (["begin 3", "evaluate", "end 3", "begin 2"], "came after epoch 3 was scored"),
    "another epoch ends": (["begin 0", "evaluate", "end 1"], r"on_epoch_begin\(0\) was followed by on_epoch_end\(1\)"),
    "validated after the epoch": (["begin 0", "evaluate", "end 0", "evaluate"], "outside an epoch"),
}


@pytest.mark.parametrize(("steps", "match"), WRONG_EPOCHS.values(), ids=WRONG_EPOCHS)
def test_epochs_that_cannot_be_told(steps, match):
    model, metrics = echo_model(), Metrics(verbose=False)
    callbacks = as_list(metrics, model)
    callbacks.on_train_begin()
    run = {
        "begin": callbacks.on_epoch_begin,
        "end": callbacks.on_epoch_end,
        "evaluate": lambda: model.evaluate(DATA, verbose=0, callbacks=callbacks),
    }
    *before, last = [
        (name, [int(epoch)] if epoch else []) for name, _, epoch in (step.partition(" ") for step in steps)
    ]
    for name, epoch in before:
        run[name](*epoch)
    with pytest.raises(CaptureError, match=match) as raised:
        run[last[0]](*last[1])
    assert advice_works(str(raised.value), model) == F1
    assert metrics.f1s == [F1]


def evaluate_another(metrics):
    other = echo_model()
    other.get_layer("echo").set_weights([np.zeros((1, 1))])
    with pytest.warns(UserWarning, match=r"metrics\.evaluate"):
        other.evaluate(DATA, verbose=0, callbacks=[metrics])


@pytest.mark.parametrize("options", [{}, {"validation_data": DATA}], ids=["own pass", "given data"])
@pytest.mark.parametrize("where", ["fit", "custom loop"])
def test_another_model_never_takes_the_place_of_the_trained_one(where, options):
    """Keras sets the model of every callback that `evaluate` is given."""
    model, metrics = echo_model(), Metrics(verbose=False, **options)
    other = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: evaluate_another(metrics))
    if where == "fit":
        train = lambda: model.fit(DATA, validation_data=DATA, shuffle=False, verbose=0, callbacks=[metrics, other])  # noqa: E731
    else:
        callbacks = keras.callbacks.CallbackList([metrics, other], model=model)
        train = lambda: run_loop(HOOKS, callbacks, model)  # noqa: E731
    with pytest.raises(CaptureError, match="took the place of") as raised:
        train()
    assert metrics.f1s == []
    assert advice_works(str(raised.value), model) == F1


def test_other_callbacks_of_a_loop_get_the_scores():
    """Given data is scored into the logs of on_epoch_end; for fit's keys a loop adds the prefix, as `fit` does."""
    model, seen = echo_model(), []
    for options in ({}, {"validation_data": DATA}):
        metrics = Metrics(verbose=False, **options)
        notes = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["val_f1"]))
        callbacks = keras.callbacks.CallbackList([notes, metrics], model=model)
        callbacks.on_train_begin()
        for epoch in range(2):
            callbacks.on_epoch_begin(epoch)
            logs = {}
            if not options:
                found = model.evaluate(DATA, verbose=0, callbacks=callbacks, return_dict=True)
                logs = {f"val_{name}": value for name, value in found.items()}
            callbacks.on_epoch_end(epoch, logs)
        callbacks.on_train_end()
        assert metrics.history.logs[-1].keys() <= {"val_loss"}
    assert seen == [F1] * 4


def test_fit_takes_a_list_that_was_made_by_hand():
    model, metrics = shared_echo_model(), Metrics(verbose=False)
    callbacks = keras.callbacks.CallbackList([metrics], model=model, epochs=2, verbose=0, add_history=True)
    model.fit(DATA, validation_data=DATA, shuffle=False, epochs=2, verbose=0, callbacks=callbacks)
    assert metrics.f1s == [F1, F1]


class Delegates(keras.callbacks.Callback):
    """A wrapper that calls every hook of another callback."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        for name in (*HOOK_NAMES, "set_model", "set_params"):
            setattr(self, name, getattr(inner, name))


HOOK_NAMES = [f"on_{of}_{when}" for of in ("train", "epoch", "test", "predict") for when in ("begin", "end")]
WRAPPERS = {
    "calls every hook": lambda metrics: (Delegates(metrics), metrics),
    "a list in the list": lambda metrics: (keras.callbacks.CallbackList([metrics]), metrics),
    "a copy": lambda metrics: (copied := copy.deepcopy(metrics), copied),
    "a copy that calls every hook": lambda metrics: (Delegates(copied := copy.copy(metrics)), copied),
}


@pytest.mark.parametrize("options", [{}, {"validation_data": (X, Y)}], ids=["own pass", "given data"])
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_wrappers_and_copies_in_fit(wrap, options):
    """fit's own pass needs `Metrics` in fit's list; given data does not."""
    model = shared_echo_model()
    wrapper, metrics = wrap(Metrics(verbose=False, **options))
    fit = lambda: model.fit(DATA, validation_data=DATA, shuffle=False, epochs=2, verbose=0, callbacks=[wrapper])  # noqa: E731
    if options or wrapper is metrics:
        fit()
        assert metrics.f1s == [F1, F1]
    else:
        with pytest.warns(UserWarning, match=r"Add it directly to fit\(callbacks=\[…\]\)"):
            fit()
        assert metrics.f1s == []


@pytest.mark.parametrize("method", ["evaluate", "predict"])
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_wrappers_and_copies_outside_fit(wrap, method):
    model = shared_echo_model()
    wrapper, metrics = wrap(Metrics(verbose=False))
    with pytest.warns(UserWarning, match=r"metrics\.evaluate\(model, \(x_val, y_val\)\)"):
        getattr(model, method)(DATA, verbose=0, callbacks=[wrapper])
    assert metrics.f1s == []
