"""Two hundred million pixels
=============================

They are scored without being kept in memory: `memory="bounded"`. Each validation image is made when it is needed. F1
and the confusion matrix are exact; the exact ROC AUC is within the printed interval. Targets and outputs of all pixels
would take 1.7 GB of memory, and scoring them more.
"""

import resource
import time

import keras
import numpy as np

from kerascb_metrics import Metrics

# %%
# The images, made on demand.
SIZE, BATCH, IMAGES = 1024, 4, 200


class Discs(keras.utils.PyDataset):
    """Noisy pictures of a bright disc on a dark background, and masks of the disc; always the same."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images = images
        self.noise = np.random.default_rng(0).normal(0, 0.4, (2 * SIZE, SIZE)).astype("float32")

    def __len__(self) -> int:
        return self.images // BATCH

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        pairs = [self.picture(number) for number in range(BATCH * index, BATCH * (index + 1))]
        return tuple(np.stack(arrays)[..., None] for arrays in zip(*pairs, strict=True))

    def picture(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return an image and its mask, both (1024, 1024) float32."""
        rng = np.random.default_rng(number)
        row, column, radius = rng.uniform((0.3, 0.3, 0.05), (0.7, 0.7, 0.25))
        along = (np.arange(SIZE) + 0.5) / SIZE
        disc = (along[:, None] - row) ** 2 + (along - column) ** 2 < radius**2
        start = rng.integers(SIZE)
        return disc + self.noise[start : start + SIZE], disc.astype("float32")


def peak() -> float:
    """Return the peak memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# %%
# A fit over a part of them shows what Keras itself needs.
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((SIZE, SIZE, 1)), keras.layers.Conv2D(1, 1, activation="sigmoid")])
model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
few, some, many = Discs(8), Discs(40), Discs(IMAGES)
model.fit(few, epochs=25, verbose=0)
model.fit(few, validation_data=some, epochs=1, verbose=0, callbacks=[Metrics(memory="bounded", verbose=False)])
before = peak()  # includes Keras, the backend and a pass over some images

# %%
# Then all of them.
metrics = Metrics(memory="bounded")
began = time.perf_counter()
model.fit(few, validation_data=many, epochs=1, verbose=2, callbacks=[metrics])
low, high = metrics.history.bounds["auc"][0]

print(f"\n{int(metrics.confusion[0].sum()):,} pixels, fitted and scored in {time.perf_counter() - began:.0f} s")
print(f"F1 {metrics.f1s[0]:.4f}, exact; ROC AUC between {low:.7f} and {high:.7f}")
print(f"peak memory: {before:.0f} MB after {40 * SIZE**2:,} pixels, {peak():.0f} MB after all of them")

# %%
# The last pass had five times as many pixels as the one before, and the peak hardly grew.
