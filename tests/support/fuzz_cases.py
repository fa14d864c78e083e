"""Cases for fuzz.py: random rows as models return them, and the same rows with one fault."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from scipy.special import softmax

from kerascb_metrics import Binary, Multiclass, Multilabel, Predictions, Regression
from kerascb_metrics.interpret.shapes import spread

NAMED = {
    "binary": ["accuracy", "balanced_accuracy", "matthews_corrcoef", "jaccard", "average_precision", "neg_brier_score"],
    "multiclass": ["accuracy", "balanced_accuracy", "matthews_corrcoef", "jaccard_macro", "f1_weighted"],
    "multilabel": ["accuracy", "jaccard_samples", "f1_samples", "f1_weighted", "precision_micro"],
    "regression": ["r2", "neg_mean_squared_error", "explained_variance", "neg_mean_absolute_error"],
}
AVERAGES = {
    "binary": ["auto", "binary", "micro", "macro", "weighted", None],
    "multiclass": ["auto", "micro", "macro", "weighted", None],
    "multilabel": ["auto", "micro", "macro", "weighted", "samples", None],
    "regression": ["auto"],
}
SPOILS = [
    "output nan",
    "output inf",
    "target nan",
    "target odd",
    "weight nan",
    "weight inf",
    "weight negative",
    "short",
]
HALF_SPOILED = [*[None] * len(SPOILS), *SPOILS]


# One case.


@dataclass(frozen=True)
class Case:
    kind: str
    columns: int  # outputs per row
    logits: bool
    rows: int
    positions: tuple  # axes between the rows and the columns
    layout: str  # of targets
    dtype: str  # of targets
    floats: str  # of outputs
    weights: str | None
    masked: bool
    ties: bool
    occurring: int  # the classes that occur
    average: str | None
    zero_division: float
    named: bool  # scores by scikit-learn's names, not the panel
    spoil: str | None
    seed: int

    @property
    def n_classes(self):
        return 2 if self.kind == "binary" else self.columns

    @property
    def task(self):
        if self.kind == "regression":
            return Regression()
        return {"binary": Binary, "multiclass": Multiclass, "multilabel": Multilabel}[self.kind](
            from_logits=self.logits
        )

    @property
    def scoring(self):
        return NAMED[self.kind] if self.named or self.kind == "regression" else None


@st.composite
def cases(draw, kinds=("binary", "multiclass", "multilabel", "regression"), spoils=HALF_SPOILED):
    kind = draw(st.sampled_from(kinds))
    columns = {"binary": st.integers(1, 2), "regression": st.integers(1, 3), "multiclass": st.integers(3, 6)}
    columns = draw(columns.get(kind, st.integers(2, 5)))
    floats = draw(st.sampled_from(["float32", "float64", "float16"]))
    named = draw(st.booleans())
    layouts = ["rows", "(N, 1)", "one-hot"] if kind in ("binary", "multiclass") and columns > 1 else ["rows", "(N, 1)"]
    return Case(
        kind=kind,
        columns=columns,
        logits=draw(st.booleans()) and kind != "regression",
        rows=draw(st.integers(1, 40)),
        positions=() if kind == "regression" else draw(st.sampled_from([(), (), (3,), (2, 2)])),
        layout=draw(st.sampled_from(layouts)),
        dtype=draw(st.sampled_from(["int64", "int32", "uint8", "float32", "float64", "bool"])),
        floats=floats,
        weights=draw(st.sampled_from([None, None, "row", "(N, 1)", "zeros", "position"])),
        masked=kind != "regression" and draw(st.booleans()),
        ties=draw(st.booleans()),
        occurring=draw(st.integers(1, 6)),
        average=draw(st.sampled_from(AVERAGES[kind])),
        zero_division=draw(st.sampled_from([0.0, 1.0] if named else [0.0, 1.0, np.nan])),  # jaccard_score takes no nan
        named=named,
        spoil=draw(st.sampled_from(spoils)),
        seed=draw(st.integers(0, 2**32 - 1)),
    )


# The rows of a case.


def rows_of(case):
    """`Predictions` as a model would return them."""
    rng = np.random.default_rng(case.seed)
    shape = (case.rows, *case.positions)
    z = rng.integers(-4, 5, (*shape, case.columns)) / 2 if case.ties else rng.normal(size=(*shape, case.columns))
    if case.kind == "regression":
        y = z + rng.normal(size=z.shape)
        y = y[..., 0] if case.columns == 1 and case.layout == "rows" else y
        return _with_weights(case, rng, y.astype("float32"), z.astype(case.floats))
    one_column = case.kind == "multilabel" or case.columns == 1
    p = 1 / (1 + np.exp(-z)) if one_column else softmax(z, axis=-1)
    return _with_weights(case, rng, _targets(case, rng, shape), (z if case.logits else p).astype(case.floats))


def _targets(case, rng, shape):
    if case.kind == "multilabel":
        return rng.integers(0, 2 if case.occurring > 1 else 1, (*shape, case.columns)).astype(case.dtype)
    dtype = case.dtype if case.n_classes == 2 or case.layout == "one-hot" or case.dtype != "bool" else "int64"
    classes = rng.permutation(case.n_classes)[: case.occurring]
    y = rng.choice(classes, shape)
    if case.layout == "one-hot":
        return np.eye(case.n_classes)[y].astype(dtype)
    return (y[..., None] if case.layout == "(N, 1)" else y).astype(dtype)


def _with_weights(case, rng, y_true, y_pred):
    shape = (case.rows, *case.positions) if case.weights == "position" else (case.rows,)
    weight = None if case.weights is None else rng.random(shape) + 0.1
    if case.weights == "zeros":
        weight *= rng.integers(0, 2, shape)
    if case.weights == "(N, 1)":
        weight = weight[:, None]
    mask = rng.random((case.rows, *case.positions)) < 0.7 if case.masked else None
    return Predictions(y_true, y_pred, weight, mask)


def spoiled(case, rows):
    """The rows with one fault, in a row that counts; None if the fault is impossible for them."""
    y_true, y_pred, weight = rows.y_true.copy(), rows.y_pred.copy(), rows.sample_weight
    what, how = [*case.spoil.split(), ""][:2]
    counts = np.ones(y_pred.shape[:-1], bool) if rows.mask is None else rows.mask.astype(bool)
    if what == "target" and weight is not None:  # rows of weight zero may have any target
        counts = counts & (spread(weight, counts.shape, "weights").reshape(counts.shape) > 0)
    if not counts.any():
        return None
    place = tuple(np.argwhere(counts)[0])
    if what == "short":
        return Predictions(y_true[:-1], y_pred, weight, rows.mask) if case.rows > 1 else None
    if what == "output":
        y_pred[(*place, 0)] = {"nan": np.nan, "inf": np.inf}[how]
    if what == "target":
        if y_true.dtype.kind != "f" or (case.kind == "regression" and how == "odd"):
            return None
        y_true[place] = {"nan": np.nan, "odd": 77.5}[how]
    if what == "weight":
        if weight is None:
            return None
        weight = weight.copy()
        weight[place[: weight.ndim] if weight.shape[-1:] != (1,) or weight.ndim == 1 else (place[0], 0)] = {
            "nan": np.nan,
            "inf": np.inf,
            "negative": -50.0,
        }[how]
    return Predictions(y_true, y_pred, weight, rows.mask)
