"""F1 of batches is not F1
==========================

`compile(metrics=[f1])` shows the mean F1 of the batches. With rare positives and small batches it is too low, because
a batch without positives has F1 = 0. Here both are computed in the same fit, on scikit-learn's digits.
"""

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerascb_metrics import Metrics
from kerascb_metrics.batchwise import batchwise_f1

# %%
# One in ten rows is an eight.
x, digits = load_digits(return_X_y=True)
y = (digits == 8).astype(int)
x_train, x_val, y_train, y_val = train_test_split(x / 16, y, test_size=0.5, stratify=y, random_state=0)

# %%
# The same network, trained four times alike; only the size of the validation batches differs.
print("validation batch   batchwise F1   F1 of the epoch   difference")
for batch_size in (8, 32, 128, len(x_val)):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=[batchwise_f1])
    metrics = Metrics("f1")
    fit_result = model.fit(
        x_train,
        y_train[:, None],
        validation_data=(x_val, y_val[:, None]),
        validation_batch_size=batch_size,
        epochs=15,
        verbose=0,
        callbacks=[metrics],
    )
    batchwise, exact = fit_result.history["val_batchwise_f1"][-1], metrics.f1s[-1]
    print(f"{batch_size:16d}{batchwise:15.4f}{exact:18.4f}{batchwise - exact:13.4f}")

# %%
# The four models are the same. In small batches the average is far too low, in larger ones it may be too high; only the
# whole set as one batch gives the F1 of the epoch.
