"""TensorFlow's MirroredStrategy
================================

It splits each batch of the digits between several devices, and F1 is still that of the whole set. This uses all GPUs.
Without a GPU it divides the processor into two devices, to show that it works.

`KERAS_BACKEND=tensorflow python examples/distributed_mirrored.py`
"""

import keras
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

from kerascb_metrics import Metrics, Predictions

if not tf.config.list_physical_devices("GPU"):  # first of all: a device in use cannot be divided
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
replicas = strategy.num_replicas_in_sync

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x / 16, y, test_size=0.4, stratify=y, random_state=0)
batch_size = 32 * replicas  # the first batch must split evenly, the last need not

with strategy.scope():  # everything with weights must be made here
    model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")

metrics = Metrics()
stop = keras.callbacks.EarlyStopping("val_f1", patience=3)
model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    validation_data=(x_val, y_val),
    epochs=8,
    verbose=0,
    callbacks=[metrics, stop],
)

left = len(y_val) % batch_size
print(f"{replicas} replicas: {', '.join(device.name for device in devices)}")
print(f"{len(y_val)} validation rows in batches of {batch_size}, {left} in the last\n")
print("epoch" + "".join(f"{name:>11}" for name in ("f1", "kappa", "auc")))
for index, epoch in enumerate(metrics.history.epochs):
    print(f"{epoch:5d}" + "".join(f"{metrics.history[name][index]:11.4f}" for name in ("f1", "kappa", "auc")))

rows = metrics.predictions
assert isinstance(rows, Predictions)  # a model with several outputs has a dict of them
expected = f1_score(y_val, rows.y_pred.argmax(axis=1), average="macro")
print(f"\nevery row once and in order: {len(rows)} rows, same targets: {(rows.y_true.ravel() == y_val).all()}")
print(f"F1 of the last epoch: {metrics.f1s[-1]:.6f}; scikit-learn on the same rows: {expected:.6f}")
