"""Each private part of Keras that is used, checked on the Keras that is installed; a failure names the part."""

import keras
import numpy as np
import pytest

from kerascb_metrics.collect import keras_internals
from tests.support.models import BACKEND, binary_rows, echo_model

TRIED_ON = ("3.12.4", "3.13.2", "3.14.1", "3.15.1", "3.16.0.dev2026102704")
MOVED = f"Keras {keras.__version__} differs from {', '.join(TRIED_ON)}, on which kerascb_metrics/collect was tried: "

X, Y = binary_rows(4)


def fit(*callbacks, model=None, **options):
    model = model or echo_model()
    given = {"validation_data": (X, Y), "batch_size": 2, "verbose": 0, **options}
    return model.fit(X, Y, **given, callbacks=list(callbacks)).history


def test_messages_name_the_releases_that_were_tried():
    first, last = (version.rsplit(".", 2 if "dev" in version else 1)[0] for version in (TRIED_ON[0], TRIED_ON[-1]))
    assert f"{first} to {last}" == keras_internals.TRIED


class Witness(keras.callbacks.Callback):
    """Calls the functions from inside fit's own validation pass."""

    def on_test_batch_begin(self, batch, logs=None):
        self.calling_list = keras_internals.calling_list(self)
        self.fits = keras_internals.fits_under_way(self.model)
        self.validates = keras_internals.fit_validates(self.model)
        self.made_by_keras = keras_internals.made_by_keras(self.model.test_function)


@pytest.fixture(scope="module")
def witness():
    witness = Witness()
    fit(witness)
    return witness


def test_fit_is_on_the_stack(witness):
    assert witness.fits == 1, MOVED + "`fit` is not found on the stack, by its code and its local `self`"
    assert keras_internals.fits_under_way(echo_model()) == 0


@pytest.mark.parametrize("validates", [True, False])
def test_whether_fit_validates_is_found(validates):
    model, found = echo_model(), []
    look = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: found.append(keras_internals.fit_validates(model))
    )
    fit(look, model=model, validation_data=(X, Y) if validates else None)
    assert found == [validates], MOVED + "`fit` keeps its validation data in no local `validation_data`"


def test_the_first_validation_batch_of_fit_is_found():
    model, found = echo_model(), []
    look = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: found.append(keras_internals.first_validation_batch(model))
    )
    fit(look, model=model, validation_batch_size=3)
    assert found == [3], MOVED + "`fit` keeps its arguments in no locals of their names"


def test_the_callback_list_is_on_the_stack(witness):
    assert isinstance(witness.calling_list, keras.callbacks.CallbackList), MOVED + "hooks are not called by the list"
    listed = keras_internals.callbacks_in(witness.calling_list)
    assert witness in listed, MOVED + "CallbackList keeps its members elsewhere"


def test_keras_own_test_function_is_recognized(witness):
    assert witness.made_by_keras, MOVED + "test functions are not made in the package keras"
    assert not keras_internals.made_by_keras(lambda iterator: None)


def test_a_mask_is_found():
    masked = keras.layers.Masking(0.0)(np.array([[[0.0], [1.0]]], "float32"))
    mask = keras_internals.get_keras_mask(masked)
    assert mask is not None, MOVED + "get_keras_mask finds no mask"
    assert keras.ops.convert_to_numpy(mask).tolist() == [[False, True]]
    assert keras_internals.get_keras_mask(keras.ops.ones((2, 1))) is None


def test_the_callback_keeps_its_model():
    model, callback = echo_model(), keras.callbacks.Callback()
    callback.set_model(model)
    assert vars(callback).get("_model") is model, MOVED + "a callback keeps its model elsewhere than in `_model`"
    assert keras_internals.model_of(callback) is model


def test_the_state_of_a_model_is_found():
    inputs = keras.Input((1,))
    dropped = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(inputs))
    frozen = keras.layers.Dense(1, trainable=False)
    model = keras.Model(inputs, frozen(dropped))
    names = [variable.name for variable in keras_internals.state_variables(model)]
    assert sorted(names) == ["moving_mean", "moving_variance", "seed_generator_state"], MOVED + "states are elsewhere"


@pytest.mark.skipif(BACKEND != "jax", reason="only on JAX Keras takes the state off the variables")
def test_a_state_that_was_put_back_is_used():
    model = echo_model()
    state = [variable.value for variable in model.trainable_variables], []
    before = [np.array(value) for value in state[0]]
    model._jax_state_synced = False
    for variable in model.trainable_variables:
        variable._value = None
    keras_internals.jax_state_setter(model)(state)
    keras_internals.sync_jax_state(model)
    for variable, value in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable.value, value, MOVED + "the state of a pass is kept elsewhere")


def test_fit_validates_through_evaluate(monkeypatch):
    seen = []

    def evaluate(self, *args, **kwargs):
        seen.append((args, kwargs))
        return {"loss": 0.0}

    monkeypatch.setattr(keras.Model, "evaluate", evaluate)
    fit()
    ((args, kwargs),) = seen
    assert args == (), MOVED + "`fit` calls `evaluate` with positional arguments"
    assert isinstance(kwargs["callbacks"], keras.callbacks.CallbackList), MOVED + "`fit` passes no list to `evaluate`"
    assert kwargs["return_dict"] is True, MOVED + "`fit` asks `evaluate` for no dict"


def test_evaluate_looks_up_its_function_for_each_batch():
    """The validation hook puts its own function on the model in `on_test_batch_begin`."""
    model, calls = echo_model(), []

    class Replace(keras.callbacks.Callback):
        def on_test_batch_begin(self, batch, logs=None):
            own = model.test_function

            def spy(*args):
                vars(model)["test_function"] = own
                calls.append(batch)
                return own(*args)

            vars(model)["test_function"] = spy

    model.evaluate(X, Y, batch_size=2, verbose=0, callbacks=[Replace()])
    assert calls == [0, 1], MOVED + "`evaluate` does not look `test_function` up for each batch"


@pytest.mark.parametrize("monitoring", ["EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau"])
def test_monitors_read_their_mode_late(monitoring):
    options = {"filepath": "unused.keras"} if monitoring == "ModelCheckpoint" else {}
    callback = getattr(keras.callbacks, monitoring)(monitor="val_f1", **options)
    assert callback.mode == "auto", MOVED + f"{monitoring}.mode is not a plain attribute"
    assert callback.monitor_op is None, MOVED + f"{monitoring} decides its direction in the constructor"


def test_predict_takes_an_adapter():
    """`predict` has no argument for targets."""
    adapter = keras_internals.get_data_adapter(X, Y, None, batch_size=2)
    outputs = echo_model().predict(adapter, verbose=0)
    assert outputs.tolist() == X.tolist(), MOVED + "`predict` takes no data adapter of arrays and targets"


@pytest.mark.skipif(BACKEND != "jax", reason="Keras stacks batches on JAX only")
def test_batches_are_stacked_from_3_16_on():
    model, seen = echo_model(steps_per_execution=3), []
    model.make_test_function()
    own = model.test_function

    def spy(state, iterator):
        first = next(iterator)
        seen.append(type(first) if isinstance(first, list) else first[0].shape)
        return own(state, iter([first]))

    vars(model)["test_function"] = spy
    x, y = binary_rows(8)
    model.evaluate(x, y, batch_size=2, verbose=0)
    stacked = keras_internals.unstacked_batches()
    expected = [(2, 1)] * 2 if stacked is None else [(3, 2, 1), stacked]
    assert seen == expected, MOVED + "the batches of an execution have another form"


def test_the_compiled_metrics_are_one_of_the_model_s_metrics():
    model = echo_model(metrics=["accuracy"])
    found = keras_internals.compiled_metrics(model)
    assert any(metric is found for metric in model.metrics), MOVED + "`_compile_metrics` is not in `model.metrics`"


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow has `model.compiled_metrics`")
@pytest.mark.filterwarnings(r"ignore:`model\.compiled_metrics:UserWarning")
def test_what_is_behind_compiled_metrics():
    model, name, got = echo_model(), keras_internals.deprecated_update(echo_model()), []
    assert name is not None, MOVED + "`compiled_metrics.update_state` calls another method"
    vars(model)[name] = lambda *given, **options: got.append(given)
    model.compiled_metrics.update_state(1, 2)
    assert got == [(1, 2)], MOVED + f"`compiled_metrics.update_state` does not call `{name}`"
