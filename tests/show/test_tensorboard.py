"""TensorBoard: scalars of the scores, and `ConfusionImages`, read back with TensorBoard's own reader."""

import copy
import io
import sys

import keras
import matplotlib as mpl
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score

from kerascb_metrics import Metrics
from kerascb_metrics.tensorboard import ConfusionImages
from tests.support.models import BACKEND, binary_rows, echo_model

X, Y = binary_rows(40)
SHRINK = np.float32(0.875)
mpl.use("Agg")


@pytest.fixture(scope="module")
def shared():
    return echo_model()


class Scale(keras.callbacks.Callback):
    """Shrinks the outputs in each epoch, so that scores and matrices differ between epochs."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.get_layer("echo").kernel.assign(np.array([[SHRINK**epoch]]))


def fit(model, callbacks, epochs=2, **options):
    options = {"validation_data": (X, Y), **options}
    return model.fit(X[:8], Y[:8], batch_size=8, epochs=epochs, verbose=0, callbacks=[Scale(), *callbacks], **options)


def events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()


def pictures(folder, tag="epoch_confusion"):
    """Return step → PNG, as TensorBoard reads them."""
    return {event.step: event.encoded_image_string for event in events(folder / "validation").Images(tag)}


def drawn(history, epoch, **options):
    """Return the PNG of `plot_confusion`."""
    import matplotlib.pyplot as plt

    png, figure = io.BytesIO(), history.plot_confusion(epoch, **options).figure_
    figure.savefig(png, format="png")
    plt.close(figure)
    return png.getvalue()


if BACKEND == "tensorflow":  # Keras's TensorBoard callback needs TensorFlow

    @pytest.mark.parametrize("last", [False, True])
    def test_scalars_without_any_extra(shared, tmp_path, last):
        metrics, board = Metrics(verbose=False), keras.callbacks.TensorBoard(tmp_path, write_graph=False)
        fit(shared, [metrics, board] if last else [board, metrics])
        expected = [f1_score(Y, X[:, 0] * SHRINK**epoch > 0.5) for epoch in range(2)]
        import tensorflow as tf

        found = events(tmp_path / "validation").Tensors("epoch_f1")
        assert [event.step for event in found] == [0, 1]
        assert [float(tf.make_ndarray(event.tensor_proto)) for event in found] == pytest.approx(expected, rel=1e-6)
        assert expected[0] != expected[1]


@pytest.mark.parametrize("last", [False, True])
def test_one_image_per_epoch(shared, tmp_path, last):
    metrics = Metrics(verbose=False)
    images = ConfusionImages(metrics, tmp_path)
    fit(shared, [metrics, images] if last else [images, metrics])
    found = pictures(tmp_path)
    assert found == {epoch: drawn(metrics.history, epoch) for epoch in range(2)}
    assert found[0] != found[1]
    expected = confusion_matrix(Y, X[:, 0] * SHRINK > 0.5)
    assert metrics.history.plot_confusion(1).confusion_matrix.tolist() == expected.tolist()


def test_the_event_has_the_size_of_the_image(shared, tmp_path):
    import matplotlib.image
    import matplotlib.pyplot as plt

    metrics = Metrics(verbose=False)
    before = plt.get_fignums()
    fit(shared, [metrics, ConfusionImages(metrics, tmp_path, normalize="true")], epochs=1)
    assert plt.get_fignums() == before
    (event,) = events(tmp_path / "validation").Images("epoch_confusion")
    assert matplotlib.image.imread(io.BytesIO(event.encoded_image_string)).shape == (event.height, event.width, 4)
    assert event.encoded_image_string == drawn(metrics.history, 0, normalize="true")


def test_unscored_epochs_have_no_image(shared, tmp_path):
    metrics = Metrics(verbose=False)
    fit(shared, [metrics, ConfusionImages(metrics, tmp_path)], epochs=4, validation_freq=2)
    assert sorted(pictures(tmp_path)) == metrics.history.epochs == [1, 3]


def test_given_data_has_its_own_run(shared, tmp_path):
    metrics = Metrics(validation_data=(X, Y), prefix="test_", verbose=False)
    fit(shared, [ConfusionImages(metrics, tmp_path), metrics], validation_data=None)
    assert [event.step for event in events(tmp_path / "test").Images("epoch_confusion")] == [0, 1]


def test_copied_together(shared, tmp_path):
    metrics = Metrics(verbose=False)
    copies = copy.deepcopy([metrics, ConfusionImages(metrics, tmp_path)])
    fit(shared, copies, epochs=1)
    assert sorted(pictures(tmp_path)) == [0]
    assert metrics.history.epochs == []


def test_several_outputs(tmp_path):
    inputs = keras.Input((1,))
    outputs = {name: keras.layers.Dense(1, "sigmoid", name=name)(inputs) for name in ("kind", "price")}
    model = keras.Model(inputs, outputs)
    model.compile(loss={"kind": "binary_crossentropy", "price": "mse"})
    metrics = Metrics({"kind": ["accuracy"], "price": "r2"}, verbose=False)
    targets = {"kind": Y[:, None], "price": X}
    model.fit(
        X, targets, validation_data=(X, targets), verbose=0, callbacks=[metrics, ConfusionImages(metrics, tmp_path)]
    )
    assert events(tmp_path / "validation").Tags()["images"] == ["epoch_kind_confusion"]
    assert pictures(tmp_path, "epoch_kind_confusion") == {0: drawn(metrics.history, 0, output="kind")}


def test_a_fit_without_counts_warns(shared, tmp_path):
    metrics = Metrics("r2", task="regression", verbose=False)
    with pytest.warns(UserWarning, match="no epoch of this fit had counts to draw"):
        fit(shared, [metrics, ConfusionImages(metrics, tmp_path)], epochs=1)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_metrics_of_another_fit_raise(shared, tmp_path):
    images = ConfusionImages(Metrics(), tmp_path)
    with pytest.raises(ValueError, match="its Metrics is not among the callbacks"):
        fit(shared, [Metrics(verbose=False), images])
    with pytest.raises(TypeError, match="takes a Metrics, then the folder of the logs; received a str first"):
        ConfusionImages(str(tmp_path), Metrics())


@pytest.mark.parametrize(
    ("module", "remedy"),
    [
        ("tensorboard.compat.proto.summary_pb2", "pip install tensorboard"),
        ("matplotlib.pyplot", "kerascb_metrics.plot"),
    ],
)
def test_missing_packages_raise_when_training_starts(shared, tmp_path, monkeypatch, module, remedy):
    monkeypatch.setitem(sys.modules, module, None)
    metrics, epochs = Metrics(verbose=False), []
    noted = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    with pytest.raises(ImportError, match=remedy):
        fit(shared, [noted, metrics, ConfusionImages(metrics, tmp_path)])
    assert epochs == []
