"""Random rows and random fits, compared with scikit-learn: the long run by hand, the short one in test_fuzz.py.

    python -m tests.robustness.fuzz --cases 10000 --fits 300 --seed 1

prints how many cases were equal to scikit-learn, undefined as in scikit-learn, or refused with one of our own errors.
Anything else raises, with the smallest case that hypothesis finds.
"""

import argparse
import collections
import warnings
from dataclasses import dataclass, replace

import keras
import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from kerascb_metrics import DataError, Metrics
from tests.support.arrays import assessed
from tests.support.fuzz_cases import Case, cases, rows_of, spoiled
from tests.support.fuzz_reference import expected, plainly
from tests.support.models import BACKEND, Batches

PANEL = ("f1", "precision", "recall", "kappa", "auc", "confusion")


# The verdict.


def check_values(case, rows, values, undefined):
    """Compare each value with scikit-learn's; return whether all are equal or some undefined."""
    plain = plainly(case, rows)
    for name in case.scoring or [one for one in PANEL if (case.kind, one) != ("multilabel", "kappa")]:
        value = values[name]
        if name in undefined and np.isnan(value).any():
            theirs, warned = expected(case, plain, name) if len(plain.y_true) else (None, True)
            weightless = case.average == "weighted" and theirs == 0  # scikit-learn's value if no label is positive
            assert warned or weightless or np.isnan(theirs).any(), f"{name}: {value}, but scikit-learn has {theirs}"
            continue
        theirs, _ = expected(case, plain, name)
        assert theirs is not None, f"{name}: {value}, but scikit-learn raises"
        tolerance = {"matthews_corrcoef": 1e-7, "neg_brier_score": 1e-6}.get(name, 1e-11)
        np.testing.assert_allclose(value, theirs, rtol=tolerance, atol=tolerance, equal_nan=True, err_msg=name)
    return "undefined, as in scikit-learn" if undefined else "equal to scikit-learn"


def check_arrays(case):
    """Score the rows of a case and return the verdict. Anything but scikit-learn's value or our own error raises."""
    rows = rows_of(case)
    if case.spoil is not None:
        rows = spoiled(case, rows)
        if rows is None:
            return "nothing to spoil"
    parts = {"sample_weight": rows.sample_weight, "mask": rows.mask}
    options = {"average": case.average, "zero_division": case.zero_division}
    if case.kind == "regression":
        options = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if case.scoring else "error")  # scikit-learn's own scorers may warn
            found = assessed(case.task, rows.y_true, rows.y_pred, case.scoring, **options, **parts)
    except DataError as error:
        if case.spoil is None or not str(error).startswith("Metrics: "):
            raise
        return f"refused: {case.spoil}"
    if case.spoil is None:
        return check_values(case, rows, found.values, found.undefined)
    finite = {name: value for name, value in found.values.items() if np.isfinite(value).any()}
    assert not finite, f"{case.spoil}: {finite}"
    return f"nan: {case.spoil}"


# Fits.


@dataclass(frozen=True)
class FitCase:
    case: Case
    source: str
    batch_size: int
    epochs: int
    learning_rate: float


@st.composite
def fit_cases(draw):
    case = draw(cases(kinds=("binary", "multiclass", "multilabel"), spoils=(None,)))
    if case.positions and case.weights:  # Keras accepts no others there
        case = replace(case, weights="position")
    if BACKEND == "torch" and case.positions and case.columns > 1 and case.layout != "one-hot":
        case = replace(case, logits=True)  # Keras fails there with probabilities and class numbers
    sources = st.sampled_from(["arrays", "PyDataset", "generator", "given arrays", "given PyDataset"])
    rate = st.sampled_from([0.0, 0.5, 1e3])  # with the last, most outputs become 0 or 1
    source = draw(sources)
    # A generator is not a fixed set: in the second epoch Keras keeps drawing from it.
    epochs = 1 if source == "generator" else draw(st.integers(1, 3))
    return FitCase(case, source, draw(st.integers(1, 16)), epochs, draw(rate))


def _loss(case):
    if case.kind == "multilabel" or case.columns == 1:
        return keras.losses.BinaryCrossentropy(from_logits=case.logits)
    if case.layout == "one-hot":
        return keras.losses.CategoricalCrossentropy(from_logits=case.logits)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=case.logits)


def _model(case, learning_rate):
    activation = "sigmoid" if case.kind == "multilabel" or case.columns == 1 else "softmax"
    inputs = keras.Input((*case.positions, 3))
    hidden = keras.layers.Dense(4, activation="tanh")(inputs)
    model = keras.Model(
        inputs, keras.layers.Dense(case.columns, activation=None if case.logits else activation)(hidden)
    )
    jit = {"jit_compile": False} if BACKEND == "tensorflow" else {}
    model.compile(keras.optimizers.SGD(learning_rate), _loss(case), **jit)
    return model


def fit_data(case):
    """Inputs, targets and weights in the shapes that Keras accepts."""
    rows, rng = rows_of(case), np.random.default_rng(case.seed)
    x = rng.normal(size=(case.rows, *case.positions, 3)).astype("float32")
    y = rows.y_true.astype("float32" if rows.y_true.dtype == bool else rows.y_true.dtype)
    if y.ndim == len(case.positions) + 1:
        y = y[..., None]  # Keras accepts weights per position only with targets of that rank
    weight = rows.sample_weight
    if weight is not None:
        weight = (weight if case.weights == "position" and case.positions else weight.reshape(-1)).astype("float32")
    return (x, y) if weight is None else (x, y, weight)


def _feed(fit_case, data):
    size = fit_case.batch_size
    batches = [tuple(part[start : start + size] for part in data) for start in range(0, len(data[0]), size)]

    def forever():
        while True:
            yield from batches

    source = fit_case.source
    if source.startswith("given"):
        own = data if source == "given arrays" else Batches(batches)
        options = {"validation_batch_size": size} if source == "given arrays" else {}
        return {}, {"validation_data": own, **options}
    if source == "arrays":
        return {"validation_data": data, "validation_batch_size": size}, {}
    if source == "PyDataset":
        return {"validation_data": Batches(batches)}, {}
    return {"validation_data": forever(), "validation_steps": len(batches)}, {}


class EachEpoch(keras.callbacks.Callback):
    """Records the predictions of each epoch."""

    def __init__(self, metrics):
        super().__init__()
        self.metrics, self.predictions = metrics, []

    def on_epoch_end(self, epoch, logs=None):
        self.predictions.append(self.metrics.predictions)


def check_fit(fit_case):
    """Fit, and compare every epoch's rows with the data and its scores with scikit-learn."""
    case = fit_case.case
    keras.utils.set_random_seed(case.seed)
    data, model = fit_data(case), _model(case, fit_case.learning_rate)
    fit, own = _feed(fit_case, data)
    options = {"average": case.average, "zero_division": case.zero_division, "task": case.task, "verbose": False}
    metrics = Metrics(case.scoring, **options, **own)
    each = EachEpoch(metrics)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Training uses no weights.
        run = model.fit(*data[:2], batch_size=16, epochs=fit_case.epochs, verbose=0, callbacks=[metrics, each], **fit)
        last = model.predict(data[0], batch_size=fit_case.batch_size, verbose=0)
    assert metrics.history.epochs == list(range(fit_case.epochs))
    verdict = "equal to scikit-learn"
    for epoch, rows in enumerate(each.predictions):
        assert len(rows) == case.rows
        np.testing.assert_array_equal(rows.y_true.ravel(), data[1].ravel())
        assert (rows.sample_weight is None) == (len(data) == 2)
        if len(data) == 3:
            np.testing.assert_array_equal(rows.sample_weight.ravel(), data[2].ravel())
        values = {name: values[epoch] for name, values in metrics.history.items()}
        scalars = {name: value for name, value in values.items() if np.ndim(value) == 0}
        np.testing.assert_equal({name: run.history[f"val_{name}"][epoch] for name in scalars}, scalars)
        if not np.isfinite(rows.y_pred).all():
            assert all(np.isnan(value).all() for value in values.values())
            verdict = "diverged: nan"
            continue
        undefined = {name: "nan" for name, value in values.items() if np.isnan(value).any()}
        found = check_values(case, rows, values, undefined)
        verdict = found if verdict == "equal to scikit-learn" else verdict
    np.testing.assert_allclose(each.predictions[-1].y_pred, last, rtol=1e-4, atol=1e-5)
    return verdict


# The long run.


def run(check, strategy, count, seed_of_run):
    """Check that many cases; return how often each verdict occurred."""
    counts = collections.Counter()

    @seed(seed_of_run)
    @settings(max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def check_all(case):
        counts[check(case)] += 1

    check_all()
    return counts


def main():
    """Run by hand."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=10_000, help="how many cases of arrays")
    parser.add_argument("--fits", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings.load_profile("default")
    for title, check, strategy, count in [
        ("arrays", check_arrays, cases(), options.cases),
        ("fits", check_fit, fit_cases(), options.fits),
    ]:
        counts = run(check, strategy, count, options.seed) if count else {}
        print(f"{title} on {BACKEND}: {sum(counts.values())} cases, none wrong")
        for verdict, times in sorted(counts.items(), key=lambda item: -item[1]):
            print(f"{times:8} {verdict}")


if __name__ == "__main__":
    main()
