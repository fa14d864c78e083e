"""Random small fits of models with outputs of any structure; each score is compared with scikit-learn."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, tree
from sklearn import metrics as sk

from kerascb_metrics import Metrics

ROWS, BATCH = 24, 8
WIDTHS = {"binary": 1, "probabilities": 3, "logits": 3, "regression": 1}
SCORES = {"regression": ["r2", "neg_mean_absolute_error"]}


@dataclass
class Output:
    """One output: its kind, its loss, its targets and weights."""

    kind: str
    loss: Any
    y: np.ndarray | None
    weight: np.ndarray | None
    start: int

    @property
    def columns(self):
        return slice(self.start, self.start + WIDTHS[self.kind])


def loss_of(kind, rng):
    sparse = keras.losses.SparseCategoricalCrossentropy
    return {
        "binary": "binary_crossentropy",
        "probabilities": [sparse(), "sparse_categorical_crossentropy"][rng.integers(2)],
        "logits": sparse(from_logits=True),
        "regression": "mse",
    }[kind]


def columns_of(kind, rng):
    if kind == "binary":
        return rng.random((ROWS, 1))
    if kind == "probabilities":
        return rng.dirichlet(np.ones(3), ROWS)
    return rng.normal(size=(ROWS, WIDTHS[kind])) * 3


def targets_of(kind, columns, rng):
    if kind == "regression":
        return columns[:, 0] + rng.normal(size=ROWS)
    near = columns[:, 0] > 0.5 if kind == "binary" else columns.argmax(axis=1)
    random = rng.integers(0, 2 if kind == "binary" else 3, ROWS)
    return np.where(rng.random(ROWS) < 0.7, near, random).astype("int32")


class Cut(keras.Model):
    """Returns columns of its input in a structure, through an identity kernel."""

    def __init__(self, structure, width):
        super().__init__()
        self.cut = structure
        self.same = layers.Dense(width, use_bias=False, kernel_initializer="identity")

    def call(self, inputs):
        columns = self.same(inputs)
        return self.cut(columns)


def functional(cut, width, named):
    inputs = keras.Input((width,))
    columns = layers.Dense(width, use_bias=False, kernel_initializer="identity")(inputs)
    count = iter(range(100))
    same = lambda leaf: layers.Identity(name=f"{named}_{next(count)}")(leaf)  # noqa: E731
    return keras.Model(inputs, tree.map_structure(same, cut(columns)))


def random_structure(rng):
    """A structure of 0s: a single one, flat, or nested."""
    kind = rng.integers(6)
    few = int(rng.integers(1, 4))
    flat = [[0] * few, tuple([0] * few), dict(zip("qab", [0] * few, strict=False))]
    if kind == 0:
        return 0
    if kind <= 3:
        return flat[kind - 1]
    if kind == 4:
        return {"u": flat[int(rng.integers(3))], "b": 0}
    return [0, flat[int(rng.integers(3))]]


class Case:
    """A random fit: the model and its data."""

    def __init__(self, seed):
        rng = self.rng = np.random.default_rng(seed)
        self.structure = random_structure(rng)
        self.nested = any(len(path) > 1 for path, _ in tree.flatten_with_path(self.structure))
        self.functional = bool(rng.integers(2))
        kinds = [k for k in WIDTHS if k != "regression"] if self.nested else list(WIDTHS)
        self.one_loss = rng.random() < 0.15
        if self.one_loss:
            kinds = ["probabilities"]
        self.weighted = rng.random() < 0.4
        count, start, self.outputs, cells = len(tree.flatten(self.structure)), 0, [], []
        for _ in range(count):
            output, columns = self.output(str(rng.choice(kinds)), start)
            self.outputs.append(output)
            cells.append(columns)
            start += columns.shape[1]
        if all(output.loss is None for output in self.outputs):
            self.outputs[0].loss = loss_of(self.outputs[0].kind, rng)
        self.x = np.concatenate(cells, axis=1).astype("float32")
        self.names = self.names_of()

    def output(self, kind, start):
        rng = self.rng
        loss = loss_of(kind, rng)
        if kind != "logits" and not self.one_loss and rng.random() < 0.3:
            loss = None
        columns = columns_of(kind, rng)
        weight = rng.uniform(0.2, 2, ROWS).astype("float32") if self.weighted else None
        return Output(kind, loss, targets_of(kind, columns, rng), weight, start), columns

    def names_of(self):
        """The names of the outputs, by separate code."""
        found = []
        for place, (path, _) in enumerate(tree.flatten_with_path(self.structure)):
            *outer, last = path or (0,)
            own = f"layer_{place}" if self.functional else f"output_{last + 1}" if isinstance(last, int) else last
            found.append("/".join(map(str, [*outer, last if isinstance(last, str) else own])))
        return found

    def cut(self, columns):
        return self.packed([columns[:, output.columns] for output in self.outputs])

    def packed(self, leaves):
        return tree.pack_sequence_as(self.structure, list(leaves))

    def model(self):
        width = self.x.shape[1]
        return functional(self.cut, width, "layer") if self.functional else Cut(self.cut, width)

    def loss(self):
        """The losses, in one of the forms that Keras takes for these outputs."""
        losses = [output.loss for output in self.outputs]
        if self.one_loss:
            return losses[0]
        if self.structure == 0:
            return losses[0]
        packed, ways = self.packed(losses), ["packed", "flat"]
        if isinstance(self.structure, dict) and not self.nested:
            ways.append("partial")
        if self.functional and isinstance(self.structure, list) and not self.nested and len(losses) > 1:
            ways.append("by name")
        way = self.rng.choice(ways)
        if way == "flat":
            return losses
        if way == "partial":
            return {key: loss for key, loss in packed.items() if loss is not None}
        return dict(zip(self.names, losses, strict=True)) if way == "by name" else packed

    def scoring(self):
        """Scores by output if one is a regression, else the default scores."""
        if not any(output.kind == "regression" for output in self.outputs):
            return None
        if len(self.outputs) == 1:
            return SCORES.get(self.outputs[0].kind)
        return {name: SCORES.get(output.kind) for name, output in zip(self.names, self.outputs, strict=True)}

    def targets(self, what):
        leaves = [getattr(output, what) for output in self.outputs]
        if all(leaf is None for leaf in leaves):
            return None
        return self.packed(leaves)


def prepared(case, seed):
    """The compiled model, its training data, and its validation data."""
    model = case.model()
    model.compile(keras.optimizers.SGD(0.0), case.loss(), run_eagerly=seed % 16 > 0)
    data = (case.x, case.targets("y"), case.targets("weight"))
    return model, tree.map_structure(lambda leaf: leaf[:BATCH], data[:2]), data


def fit(model, train, data, callbacks):
    return model.fit(
        *train, batch_size=BATCH, validation_data=data, validation_batch_size=BATCH, verbose=0, callbacks=callbacks
    )


def keras_refuses(seed):
    """Whether Keras cannot train this without Metrics: on TensorFlow that is so for some structures."""
    try:
        fit(*prepared(Case(seed), seed), callbacks=[])
    except (TypeError, ValueError):
        return True
    return False


def check(seed):
    """Fit, and compare every score with scikit-learn on what `model.predict` returns; False if Keras refuses."""
    case = Case(seed)
    model, train, data = prepared(case, seed)
    only = case.names[0] if len(case.names) > 1 and seed % 5 == 0 else None
    scoring = case.scoring()
    if only is not None and isinstance(scoring, dict):
        scoring = scoring[only]
    metrics = Metrics(scoring, output=only, verbose=False)
    try:
        run = fit(model, train, data, [metrics])
    except (TypeError, ValueError):
        if keras_refuses(seed):
            return False
        raise
    outputs = tree.flatten(model.predict(case.x, batch_size=ROWS, verbose=0))
    several, scored = len(case.names) > 1, 0
    for name, output, predicted in zip(case.names, case.outputs, outputs, strict=True):
        if only not in (None, name):
            continue
        prefix = f"{name}_" if several else ""
        for score, value in expected(output, predicted).items():
            assert abs(run.history[f"val_{prefix}{score}"][0] - value) < 1e-9, (seed, name, score)
            scored += 1
        rows = metrics.predictions[name] if several else metrics.predictions
        np.testing.assert_array_equal(np.ravel(rows.y_true), output.y.astype(rows.y_true.dtype))
    assert scored >= 2
    return True


def expected(output, predicted):
    """Scores by scikit-learn."""
    y, weight = output.y, None if output.weight is None else output.weight.astype(float)
    if output.kind == "regression":
        y = y.astype("float32")  # as Keras passes it to the model
        return {
            "r2": sk.r2_score(y, predicted[:, 0], sample_weight=weight),
            "neg_mean_absolute_error": -sk.mean_absolute_error(y, predicted[:, 0], sample_weight=weight),
        }
    if output.kind == "binary":
        labels = (predicted[:, 0] > 0.5).astype(int)
        auc = sk.roc_auc_score(y, predicted[:, 0], sample_weight=weight)
        return {
            "f1": sk.f1_score(y, labels, sample_weight=weight),
            "kappa": sk.cohen_kappa_score(y, labels, sample_weight=weight),
            "auc": auc,
        }
    labels = predicted.argmax(axis=1)
    scores = predicted.astype(float)
    if output.kind == "logits":
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
    areas = [sk.roc_auc_score(y == index, scores[:, index], sample_weight=weight) for index in range(3)]
    return {
        "f1": sk.f1_score(y, labels, average="macro", sample_weight=weight),
        "kappa": sk.cohen_kappa_score(y, labels, sample_weight=weight),
        "auc": float(np.mean(areas)),
    }
