"""Entity F1 of a tagger
========================

A score of whole sentences, in batches of several lengths. The sentences are generated. Each word has a BIO tag: B-…
begins the name of a person or a place, I-… continues it, O is any other word. An entity is right only if all of its
words are: F1 of tags is far more generous.
"""

import keras
import numpy as np

from kerascb_metrics import Metrics, Predictions, make_prediction_scorer

# %%
# Sentences with tagged names; some words are in names of both kinds.
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
PEOPLE = ["Ada", "Ada Byron", "Paris", "Paris York", "Georgia New", "Sam Lake", "Sam"]
PLACES = ["Paris", "New York", "Lake Georgia", "York", "Georgia", "New Lake City"]
FRAMES = ["PER met PER in LOC", "in LOC it rained", "PER lives in LOC near LOC", "we saw PER", "from LOC to LOC"]


def sentence(rng: np.random.Generator) -> tuple[list[str], list[int]]:
    """Return the words of a random sentence of one to three frames, and their tags."""
    words: list[str] = []
    tags: list[int] = []
    for word in " then ".join(rng.choice(FRAMES, rng.integers(1, 4))).split():
        name = str(rng.choice(PEOPLE if word == "PER" else PLACES)) if word in ("PER", "LOC") else word
        first = TAGS.index(f"B-{word}") if name != word else 0
        words += name.split()
        tags += [first] + [first + 1] * (len(name.split()) - 1)
    return words, tags


# %%
# Batches of sentences of about the same length. Padding is 0, which the embedding masks.
class Sentences(keras.utils.PyDataset):
    """Batches of sentences of about the same length, padded with 0 to 8, 16 or 24 words."""

    def __init__(self, count: int, seed: int) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        rows = sorted((sentence(rng) for _ in range(count)), key=lambda row: len(row[0]))
        batches = [rows[start : start + 32] for start in range(0, count, 32)]
        # The shortest, the longest, and so on: on TensorFlow, Keras tells from the first two that lengths differ.
        places = sorted(range(len(batches)), key=lambda place: min(place, len(batches) - 1 - place))
        self.batches = [batches[place] for place in places]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = self.batches[index]
        length = -(-max(len(words) for words, _ in batch) // 8) * 8
        x, y = np.zeros((2, len(batch), length), "int32")
        for row, (words, tags) in enumerate(batch):
            x[row, : len(words)] = [VOCABULARY[word] for word in words]
            y[row, : len(words)] = tags
        return x, y


# %%
# The score: a function of the whole predictions, which knows where each sentence ends.
def spans(tags: np.ndarray) -> set[tuple[str, int, int]]:
    """Return the entities of a sentence: kind, first word, word after the last."""
    found, kind, start = set(), "", 0
    for place, tag in enumerate([*(TAGS[tag] for tag in tags), "O"]):
        if kind and tag != f"I-{kind}":
            found.add((kind, start, place))
            kind = ""
        if tag.startswith("B-"):
            kind, start = tag[2:], place
    return found


def entity_f1(predictions: Predictions) -> float:
    """F1 of the entities of all sentences."""
    right = total = 0
    for sample in predictions.samples():
        true = spans(sample.y_true[sample.mask])
        predicted = spans(sample.y_pred.argmax(axis=-1)[sample.mask])
        right += len(true & predicted)
        total += len(true) + len(predicted)
    return 2 * right / total if total else 0.0


# %%
# The tagger, trained until the F1 of entities does not rise any more.
WORDS = sorted({word for text in [*PEOPLE, *PLACES, *FRAMES, "then"] for word in text.split()})
VOCABULARY = {word: number for number, word in enumerate(WORDS, start=1)}

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.layers.Embedding(len(WORDS) + 1, 8, mask_zero=True),
        keras.layers.Bidirectional(keras.layers.SimpleRNN(8, return_sequences=True)),
        keras.layers.Dense(len(TAGS), activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")

metrics = Metrics({"tag_f1": "f1", "entity_f1": make_prediction_scorer(entity_f1)})
best = keras.callbacks.EarlyStopping(**metrics.monitor("entity_f1"), patience=3)
model.fit(
    Sentences(640, seed=1), validation_data=Sentences(320, seed=2), epochs=6, verbose=0, callbacks=[metrics, best]
)

# %%
# F1 of tags looks better than what a reader of names would get.
print(metrics.history)
