"""Another release of Keras may lack a private part, or have other stack frames: the error names the part."""

import types

import keras
import pytest

from kerascb_metrics import Metrics
from kerascb_metrics.collect import keras_internals
from kerascb_metrics.exceptions import CaptureError
from kerascb_metrics.tensorboard import ConfusionImages
from tests.support.models import BACKEND, Batches, binary_rows, echo_model

X, Y = binary_rows(4)


# A part that is not found.


@pytest.fixture
def hide(monkeypatch):
    """Hide a name from our look-ups only: Keras itself needs it."""
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
    """Counts the batches trained on."""

    batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


def fit(*callbacks, model=None, **options):
    model = model or echo_model()
    given = {"validation_data": (X, Y), "batch_size": 2, "verbose": 0, **options}
    return model.fit(X, Y, **given, callbacks=list(callbacks)).history


def captured(**options):
    return Metrics(["f1"], verbose=False, **options)


def refused(name, *remedies, **options):
    """Assert that a fit raises, and names what is missing and a remedy; return how many batches were trained on."""
    trained = Trained()
    model = options.pop("model", None)
    with pytest.raises(CaptureError) as raised:
        fit(captured(**options), trained, model=model)
    message = str(raised.value)
    for part in (f"Keras {keras.__version__} has no `{name}`", keras_internals.TRIED, *remedies):
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
    fit(captured())  # it is needed for given arrays only
    fit(captured(validation_data=Batches([(X, Y)])))


GIVEN_PARTS = ["_flatten_layers", "_non_trainable_variables", "_seed_generators"]
if BACKEND == "jax":
    GIVEN_PARTS += ["_jax_state_synced", "state_sync" if hasattr(keras.Model, "state_sync") else "jax_state_sync"]


@pytest.mark.parametrize("name", GIVEN_PARTS)
def test_no_such_part_of_the_state(hide, name):
    hide(name)
    refused(name, "Leave out Metrics(validation_data=…)", validation_data=(X, Y))
    assert len(fit(captured())["val_f1"]) == 1  # fit's own pass needs none of them


@pytest.mark.skipif(BACKEND != "jax", reason="Keras stacks batches on JAX only")
def test_no_class_of_batches_that_do_not_stack(hide, monkeypatch):
    monkeypatch.setattr(keras_internals, "_release", lambda: (3, 16))
    hide("PartialBatchList")
    several = echo_model(steps_per_execution=2)
    assert refused("PartialBatchList", "compile(steps_per_execution=1)", model=several) == 0
    fit(captured())  # it is needed with several steps only
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


def test_no_private_model_on_the_callback():
    stand_in = types.SimpleNamespace(model="the public attribute")
    assert keras_internals.model_of(stand_in) == "the public attribute"


# Stack frames that are not found.


@pytest.fixture
def unseen(monkeypatch):
    monkeypatch.setattr(keras_internals, "_frames", lambda frame=None: iter(()))


def test_without_frames_each_returns_its_default(unseen):
    model, callback = echo_model(), Metrics()
    assert keras_internals.fits_under_way(model) == 0
    assert keras_internals.fit_validates(model) is True
    assert keras_internals.fit_list_holds(callback, model) is True
    assert keras_internals.first_validation_batch(model) is None
    assert keras_internals.calling_list(callback) is None
    assert keras_internals.list_of_innermost_fit() is None
    assert keras_internals.lists_of_all_fits() == []


def test_without_frames_the_scores_are_the_same(monkeypatch, tmp_path):
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
