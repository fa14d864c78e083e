"""Segmentation
===============

One class per pixel; the `ignore_class` of the loss leaves out the pixels on edges. The images are small: discs and
squares on a noisy background. Each pixel that the loss counts is one row of the confusion matrix. Needs the extra
`plot`.
"""

from pathlib import Path

import keras
import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from kerascb_metrics import Metrics, Multiclass

# %%
# The images, and the class of each pixel.
SIZE, EDGE = 24, 255
NAMES = ["ground", "disc", "square"]


def draw(images: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, 24, 24, 1) and the class of each pixel (N, 24, 24), edges as 255."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    classes = np.zeros((images, SIZE, SIZE), int)
    for image in classes:
        for shape in rng.permutation([1, 2]):
            y, x = rng.integers(5, SIZE - 5, 2)
            away = np.abs([rows - y, columns - x])
            image[(np.hypot(*away) if shape == 1 else away.max(axis=0)) < rng.uniform(4, 7)] = shape
    pixels = (classes > 0) + rng.normal(0, 0.5, classes.shape)
    edges = [maximum_filter(image, 2) != minimum_filter(image, 2) for image in classes]
    return pixels[..., None].astype("float32"), np.where(edges, EDGE, classes)


# %%
# The network. Its loss leaves out the edges, and so do the scores.
keras.utils.set_random_seed(0)
x, y = draw(600, np.random.default_rng(0))

model = keras.Sequential(
    [
        keras.Input((SIZE, SIZE, 1)),
        keras.layers.Conv2D(16, 5, padding="same", activation="relu"),
        keras.layers.Conv2D(16, 5, dilation_rate=2, padding="same", activation="relu"),
        keras.layers.Conv2D(16, 5, padding="same", activation="relu"),
        keras.layers.Conv2D(len(NAMES), 1),
    ]
)
model.compile(
    keras.optimizers.Adam(0.004), keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=EDGE)
)

metrics = Metrics({"f1": "f1", "iou": "jaccard_macro", "confusion": "confusion"}, task=Multiclass(class_names=NAMES))
model.fit(x, y, validation_split=0.25, epochs=12, batch_size=16, verbose=0, callbacks=[metrics])

# %%
# The scores of all pixels that count.
history = metrics.history
print(history)
counted = int(history.at("last")["confusion"].sum())
print(f"\n{counted} of {y[450:].size} validation pixels count; the others are on edges.\n\n{history.report('best')}")

# %%
# Which classes are taken for which, as shares of the true ones.
pictures = Path("pictures")  # in the folder that this is run in
pictures.mkdir(exist_ok=True)
history.plot_confusion("best", normalize="true").figure_.savefig(pictures / "segmentation.png", dpi=90)
print(f"picture: {pictures}/segmentation.png")

# %%
# The ground is found almost without mistakes. What the model takes for each other are the two shapes.
