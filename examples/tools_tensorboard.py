"""TensorBoard
==============

It shows the scores by itself; `ConfusionImages` adds the confusion matrix of each epoch as an image. Needs
`pip install tensorboard matplotlib`.
"""

import tempfile

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kerascb_metrics import Metrics
from kerascb_metrics.tensorboard import ConfusionImages

keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x / 16, y, test_size=0.3, stratify=y, random_state=0)

model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))

log_dir, metrics = tempfile.mkdtemp(), Metrics()
model.fit(
    x_train,
    y_train,
    validation_data=(x_val, y_val),
    epochs=5,
    batch_size=8,
    verbose=0,
    callbacks=[metrics, keras.callbacks.TensorBoard(log_dir), ConfusionImages(metrics, log_dir)],
)

# By default TensorBoard shows ten images per tag; samples_per_plugin shows all.
print(f"tensorboard --logdir {log_dir} --samples_per_plugin images=0\n")
written = EventAccumulator(f"{log_dir}/validation", size_guidance={"images": 0}).Reload()
print("scalars:", *written.Tags()["tensors"])
for image in written.Images("epoch_confusion"):
    print(f"image: epoch_confusion, epoch {image.step}, {image.width} × {image.height}")
