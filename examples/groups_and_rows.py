"""Groups, wrong labels, calibration
====================================

For whom does it not work, on which rows, and can it be believed? A small network reads scikit-learn's digits. 40 of the
900 validation images have a wrong label, and those of "camera C" are noisy: both are found. Needs the extras `plot` and
`pandas`.
"""

from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from kerascb_metrics import Metrics, Predictions

# %%
# The data, with the noise and the wrong labels.
WRONG = 40

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
x, digit = load_digits(return_X_y=True)
x = (x / 16).astype("float32")
order = rng.permutation(len(x))
x_train, y_train, x_val, y_val = x[order[900:]], digit[order[900:]], x[order[:900]], digit[order[:900]]

camera = rng.choice(["A", "B", "C"], 900, p=[0.5, 0.3, 0.2])
x_val[camera == "C"] += rng.normal(0, 0.35, (np.count_nonzero(camera == "C"), 64)).astype("float32")
planted = rng.choice(900, WRONG, replace=False)
y_val[planted] = (y_val[planted] + rng.integers(1, 10, WRONG)) % 10

# %%
# `slices` scores each camera in every epoch, `mean_probability` follows each row over the epochs.
model = keras.Sequential(
    [keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10, activation="softmax")]
)
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
metrics = Metrics(["accuracy", "f1", "auc"], slices={"camera": camera}, mean_probability=True)
model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=15, verbose=0, callbacks=[metrics])
history = metrics.history

# %%
# **Groups.** Each accuracy has its interval, and one test says whether the cameras differ.
print("The accuracy of the worst camera, epoch by epoch:")
print(" ".join(f"{value:.3f}" for value in history["accuracy_camera_min"]))
cameras = history.at("last").by_group("camera", "accuracy")
print(f"\n{cameras}")

# %%
# **Rows.** Two signs of a wrong label: a low probability of it, on average over all epochs, and a high loss in the last
# epoch.
rows = metrics.predictions
assert isinstance(rows, Predictions)  # of a model with several outputs it is a dict
print("The hardest rows of the last epoch:")
print(rows.hardest(8, groups={"camera": camera}).round(3))
frame = rows.to_frame(groups={"camera": camera})
is_planted = np.isin(frame.index, planted)
suspects = frame.sort_values("mean_probability").index[:WRONG]
print(f"\n{WRONG} labels are wrong. Of as many rows with the lowest probability of their label, over all epochs,")
print(f"{np.isin(suspects, planted).sum()} are among them; average precision:")
print(
    f"  of the mean probability over all epochs {average_precision_score(is_planted, -frame['mean_probability']):.3f}"
)
print(f"  of the loss in the last epoch           {average_precision_score(is_planted, frame['loss']):.3f}")

# %%
# **Calibration.** Do the probabilities come true?
scores = history.at("last")
print(f"The temperature that mends the probabilities best: {scores.temperature():.2f}. The digit 8:")
print(scores.calibration("8"))

# %%
# The three as figures.
pictures = Path("pictures")  # in the folder that this is run in
pictures.mkdir(exist_ok=True)
history.plot_groups("accuracy").figure_.savefig(pictures / "groups.png", dpi=100)
history.plot_calibration(class_name="8", n_bins=30).figure_.savefig(pictures / "calibration.png", dpi=100)
figure, panels = plt.subplots(2, 6, figsize=(9, 4), layout="constrained")
for row, ax in zip(suspects, panels.flat, strict=False):
    ax.imshow(x_val[row].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"row {row}: “{y_val[row]}”, camera {camera[row]}\nthe model says {frame.label[row]}", fontsize=8)
    ax.axis("off")
figure.savefig(pictures / "suspects.png", dpi=100)
print(f"pictures: {pictures}/groups.png, suspects.png, calibration.png")

# %%
# Camera C does worse, by more than chance. Most of the wrong labels are among the suspects. And the network is too sure
# of itself: the temperature that mends its probabilities is above 1.
