"""What of Keras is private: it stands in one file, and a part that moved is named, when it is needed and no sooner."""

import ast
import subprocess
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest

import kerascb_metrics
from kerascb_metrics import Metrics
from kerascb_metrics.collect import keras_internals
from kerascb_metrics.exceptions import CaptureError
from kerascb_metrics.tensorboard import ConfusionImages
from tests.support.models import BACKEND, Batches, binary_rows, echo_model

TRIED_ON = ("3.12.4", "3.13.2", "3.14.1", "3.15.1", "3.16.0.dev2026102704")
MOVED = f"Keras {keras.__version__} is not as Keras {', '.join(TRIED_ON)}, on which kerascb_metrics/collect was tried: "

PACKAGE = Path(kerascb_metrics.__file__).parent
HOLDER = PACKAGE / "collect/keras_internals.py"
X, Y = binary_rows(4)


def test_the_releases_tried_are_those_of_the_messages():
    first, last = (version.rsplit(".", 2 if "dev" in version else 1)[0] for version in (TRIED_ON[0], TRIED_ON[-1]))
    assert f"{first} to {last}" == keras_internals.TRIED


# Where private parts may stand.


def private_keras(source):
    """The places in a source that import or name a module of `keras.src`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [ast.unparse(node)]
        else:
            names = [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
        found += [node.lineno for name in names if f"{name}.".startswith("keras.src.")]
    return found


def private_attributes(source):
    """The attributes with a leading underscore that a source takes from anything but `self`."""
    attributes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    return {
        node.attr
        for node in attributes
        if node.attr.startswith("_") and not node.attr.startswith("__") and ast.unparse(node.value) != "self"
    }


def test_keras_src_stands_in_one_file():
    found = {path.name: private_keras(path.read_text()) for path in PACKAGE.rglob("*.py") if path != HOLDER}
    assert not {name: lines for name, lines in found.items() if lines}
    assert private_keras(HOLDER.read_text())


@pytest.mark.parametrize(
    "source",
    [
        "import keras.src",
        "import keras.src.backend as backend",
        "from keras import src",
        "from keras.src.backend import get_keras_mask",
        "def f():\n    from keras.src import backend",
        "keras.src.backend.get_keras_mask(x)",
        "importlib.import_module('keras.src.backend')",
    ],
)
def test_the_check_finds_keras_src(source):
    assert private_keras(source)


def test_the_check_finds_nothing_public():
    assert not private_keras("import keras\nfrom keras import tree, ops\nkeras.tree.flatten('about keras.src')")


def test_no_other_file_of_the_capture_takes_a_private_attribute():
    others = [path for path in HOLDER.parent.glob("*.py") if path != HOLDER]
    found = {path.name: private_attributes(path.read_text()) for path in others}
    assert len(found) > 5
    assert not {name: names for name, names in found.items() if names}
    assert private_attributes(HOLDER.read_text()) >= {"_jax_state"}


def test_the_check_finds_a_private_attribute():
    assert private_attributes("model._jax_state = 1; self._x; x.__name__") == {"_jax_state"}


def test_keras_own_attributes_are_not_taken_from_the_callback():
    """What `self` inherits from `keras.callbacks.Callback` is Keras's too."""
    inherited = {name for name in vars(keras.callbacks.Callback()) if name.startswith("_")}
    assert inherited
    for path in (PACKAGE / "callback.py", PACKAGE / "tensorboard.py"):
        taken = [node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
        assert not inherited & set(taken), path.name


# Importing the package, with nothing of `keras.src` to be imported.

_WITHOUT = """
import importlib, pkgutil, sys
import keras

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name == "keras.src" or name.startswith("keras.src."):
            raise ImportError(f"{name} is private")

for name in [name for name in sys.modules if name == "keras.src" or name.startswith("keras.src.")]:
    del sys.modules[name]
sys.meta_path.insert(0, Refuse())
"""
_EVERY_MODULE = """
import kerascb_metrics
others = {"tensorflow", "jax", "torch"} - {keras.backend.backend()}
skipped = ["backends." + name for name in others] + ["__main__"]
for module in pkgutil.walk_packages(kerascb_metrics.__path__, "kerascb_metrics."):
    if not any(module.name.endswith(end) for end in skipped):
        importlib.import_module(module.name)
metrics = kerascb_metrics.Metrics()
print("imported", sum(name.startswith("kerascb_metrics.") for name in sys.modules))
"""


def without_private_keras(statement):
    return subprocess.run([sys.executable, "-c", _WITHOUT + statement], capture_output=True, text=True)


@pytest.mark.slow
def test_importing_every_module_looks_nothing_private_up():
    run = without_private_keras(_EVERY_MODULE)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[-1]) > 40


@pytest.mark.slow
def test_that_check_can_fail():
    assert "keras.src is private" in without_private_keras("from keras.src import backend").stderr


# A part that is not found.


@pytest.fixture
def hide(monkeypatch):
    """Hide a name from our look-ups, and from them alone: Keras itself needs it."""
    imported, part = keras_internals._imported.__wrapped__, keras_internals._part

    def hidden(name):
        def from_modules(asked, places, remedy):
            return imported(asked, ("keras.moved",) if asked == name else places, remedy)

        def from_owner(owner, asked, remedy):
            return part(types.SimpleNamespace() if asked == name else owner, asked, remedy)

        monkeypatch.setattr(keras_internals, "_imported", from_modules)
        monkeypatch.setattr(keras_internals, "_part", from_owner)

    return hidden


class Trained(keras.callbacks.Callback):
    """Whether a batch was trained on."""

    batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


def fit(*callbacks, model=None, **options):
    model = model or echo_model()
    given = {"validation_data": (X, Y), "batch_size": 2, "verbose": 0, **options}
    return model.fit(X, Y, **given, callbacks=list(callbacks)).history


def captured(**options):
    return Metrics(["f1"], verbose=False, **options)


def refused(name, *ways_out, **options):
    """Fit, and see that it ends before the first batch, with a message that names what is missing and a way out."""
    trained = Trained()
    model = options.pop("model", None)
    with pytest.raises(CaptureError) as raised:
        fit(captured(**options), trained, model=model)
    message = str(raised.value)
    for part in (f"Keras {keras.__version__} has no `{name}`", keras_internals.TRIED, *ways_out):
        assert part in message
    return trained.batches


def test_no_mask_function(hide):
    hide("get_keras_mask")
    assert refused("get_keras_mask", "Install one of Keras") == 0


@pytest.mark.parametrize("name", keras_internals._TRAINER)
def test_no_such_part_of_the_trainer(hide, name):
    hide(name)
    assert refused(name, "Install one of Keras") == 0


def test_no_data_adapter(hide):
    hide("get_data_adapter")
    assert refused("get_data_adapter", "keras.utils.PyDataset", validation_data=(X, Y)) == 0
    fit(captured())  # needed for given arrays alone
    fit(captured(validation_data=Batches([(X, Y)])))


GIVEN_PARTS = ["_flatten_layers", "_non_trainable_variables", "_seed_generators"]
if BACKEND == "jax":
    GIVEN_PARTS += ["_jax_state_synced", "state_sync" if hasattr(keras.Model, "state_sync") else "jax_state_sync"]


@pytest.mark.parametrize("name", GIVEN_PARTS)
def test_no_such_part_of_the_state(hide, name):
    hide(name)
    refused(name, "Leave out Metrics(validation_data=…)", validation_data=(X, Y))
    assert len(fit(captured())["val_f1"]) == 1  # fit's own pass needs none of them


@pytest.mark.skipif(BACKEND != "jax", reason="Keras stacks batches on JAX alone")
def test_no_class_of_batches_that_do_not_stack(hide, monkeypatch):
    monkeypatch.setattr(keras_internals, "_release", lambda: (3, 16))
    hide("PartialBatchList")
    several = echo_model(steps_per_execution=2)
    assert refused("PartialBatchList", "compile(steps_per_execution=1)", model=several) == 0
    fit(captured())  # needed with several steps alone
    monkeypatch.setattr(keras_internals, "_release", lambda: (3, 15))
    assert keras_internals.unstacked_batches() is None


@pytest.mark.parametrize(
    ("version", "release"), [("3.12.4", (3, 12)), ("3.16.0.dev2026102704", (3, 16)), ("3.16.0rc1", (3, 16))]
)
def test_the_release_is_read(monkeypatch, version, release):
    monkeypatch.setattr(keras, "__version__", version)
    assert keras_internals._release() == release


def test_no_list_in_the_callback_list(hide):
    hide("callbacks")
    assert refused("callbacks", "Install one of Keras") == 0


def test_no_model_kept_by_the_callback():
    stand_in = types.SimpleNamespace(model="by the public way")
    assert keras_internals.model_of(stand_in) == "by the public way"


# A stack frame that is not seen.


@pytest.fixture
def unseen(monkeypatch):
    monkeypatch.setattr(keras_internals, "_frames", lambda frame=None: iter(()))


def test_without_frames_each_says_so(unseen):
    model, callback = echo_model(), Metrics()
    assert keras_internals.fits_under_way(model) == 0
    assert keras_internals.fit_validates(model) is True
    assert keras_internals.fit_list_holds(callback, model) is True
    assert keras_internals.first_validation_batch(model) is None
    assert keras_internals.calling_list(callback) is None
    assert keras_internals.list_of_innermost_fit() is None
    assert keras_internals.lists_of_all_fits() == []


def test_without_frames_the_same_scores(monkeypatch, tmp_path):
    def run():
        model = echo_model()
        given = captured(validation_data=(X, Y), prefix="given_")
        log = captured(log_file=tmp_path / "log.jsonl")
        stop = keras.callbacks.EarlyStopping("val_f1", mode="max")
        history = fit(given, log, stop, model=model)
        assert "evaluate" not in vars(model)
        return history

    seen = run()
    (tmp_path / "log.jsonl").unlink()
    monkeypatch.setattr(keras_internals, "_frames", lambda frame=None: iter(()))
    assert run() == seen


def test_without_frames_images_are_drawn(unseen, tmp_path):
    metrics = Metrics(verbose=False)
    fit(metrics, ConfusionImages(metrics, tmp_path))
    assert list(tmp_path.rglob("events*"))


# The parts themselves, on the Keras that is installed.


class Witness(keras.callbacks.Callback):
    """Looks around from inside fit's own validation pass."""

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
def test_fit_tells_whether_it_validates(validates):
    model, found = echo_model(), []
    look = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: found.append(keras_internals.fit_validates(model))
    )
    fit(look, model=model, validation_data=(X, Y) if validates else None)
    assert found == [validates], MOVED + "`fit` keeps its validation data in no local `validation_data`"


def test_fit_tells_its_first_validation_batch():
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


def test_the_test_function_is_known_as_keras_own(witness):
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


@pytest.mark.skipif(BACKEND != "jax", reason="on JAX alone Keras takes the state off the variables")
def test_a_state_that_was_put_back_is_taken_up():
    model = echo_model()
    state = [variable.value for variable in model.trainable_variables], []
    before = [np.array(value) for value in state[0]]
    model._jax_state_synced = False
    for variable in model.trainable_variables:
        variable._value = None
    keras_internals.jax_state_setter(model)(state)
    keras_internals.sync_state(model)
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
    assert isinstance(kwargs["callbacks"], keras.callbacks.CallbackList), MOVED + "`fit` hands `evaluate` no list"
    assert kwargs["return_dict"] is True, MOVED + "`fit` asks `evaluate` for no dict"


def test_evaluate_looks_its_function_up_batch_by_batch():
    """The seam puts its own in place in `on_test_batch_begin`."""
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
    assert callback.mode == "auto", MOVED + f"{monitoring}.mode is no plain attribute"
    assert callback.monitor_op is None, MOVED + f"{monitoring} decides its direction in the constructor"


def test_predict_takes_an_adapter():
    """`predict` has no argument for targets."""
    adapter = keras_internals.get_data_adapter(X, Y, None, batch_size=2)
    outputs = echo_model().predict(adapter, verbose=0)
    assert outputs.tolist() == X.tolist(), MOVED + "`predict` takes no data adapter of arrays and targets"


@pytest.mark.skipif(BACKEND != "jax", reason="Keras stacks batches on JAX alone")
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
    assert seen == expected, MOVED + "the batches of an execution come in another way"
