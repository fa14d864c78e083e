"""Text: the topic of a sentence
================================

Sentences of several lengths, made from a few words, about food, music or the weather. An embedding masks the padding,
and the mean of the words that remain decides. Where a sentence has no word of its topic, nobody could tell it: the
scores by length show that the short sentences are the difficult ones. Needs the extra `pandas`.
"""

import keras
import numpy as np

from kerascb_metrics import Metrics, Multiclass, Predictions

# %%
# Each word is one of its topic in two of five cases, else one that every topic has.
TOPICS = {
    "food": "bread soup rice salt cook taste plate spoon",
    "music": "song drum violin sing choir tune dance note",
    "weather": "rain wind cloud snow sun storm fog frost",
}
COMMON = "the a we they in on today yesterday good bad little much saw heard like want with and"
WORDS = ["", *" ".join([COMMON, *TOPICS.values()]).split()]  # 0 is the padding

rng = np.random.default_rng(0)
topic = rng.integers(3, size=900)
length = rng.integers(2, 13, size=900)
of_topic = np.array([[WORDS.index(word) for word in text.split()] for text in TOPICS.values()])[topic]
x = np.where(
    rng.random((900, 12)) < 0.4,
    np.take_along_axis(of_topic, rng.integers(8, size=(900, 12)), axis=1),
    rng.integers(1, len(COMMON.split()) + 1, size=(900, 12)),
)
x[np.arange(12) >= length[:, None]] = 0

# %%
# The model. `slices` scores short and long sentences by themselves, in every epoch.
keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.layers.Embedding(len(WORDS), 8, mask_zero=True),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(3, activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
words = np.where(length[500:] < 5, "2-4", np.where(length[500:] < 9, "5-8", "9-12"))
metrics = Metrics(["f1", "confusion"], task=Multiclass(class_names=list(TOPICS)), slices={"words": words})
model.fit(x[:500], topic[:500], validation_data=(x[500:], topic[500:]), epochs=8, verbose=0, callbacks=[metrics])

# %%
# Macro F1 by epoch: of all sentences, by their number of words, and the worst of these.
print(metrics.history)

# %%
# What the model is most sure of and wrong about: sentences without a word of their topic.
rows = metrics.predictions
assert isinstance(rows, Predictions)  # a model with several outputs has a dict of them
for mistake in rows.confident_mistakes(6).itertuples():
    sentence = " ".join(WORDS[word] for word in x[500 + mistake.Index] if word)
    true, label = (list(TOPICS)[number] for number in (mistake.target, mistake.label))
    print(f"{true}, taken for {label} with probability {mistake.probability:.2f}: {sentence}")
