"""Histories of every kind of task to save and load, and a comparison of all bits."""

import math
from dataclasses import replace

import numpy as np

from kerascb_metrics import Binary, Multiclass, Multilabel, ScoreHistory
from kerascb_metrics.tally.curve import Curve
from kerascb_metrics.tally.evidence import Evidence
from tests.support.arrays import assessed

RNG = np.random.default_rng(5)
NAN = float("nan")
Y3, P3 = RNG.integers(0, 3, 60), RNG.dirichlet(np.ones(3), 60)
YL, PL = RNG.integers(0, 2, (60, 2)), RNG.random((60, 2))
YB, PB = RNG.integers(0, 2, 60), RNG.random(60)
WEIGHT = RNG.uniform(0.5, 2, 60)
NAMES = ["cat", '<script>,"', "Aal ☃\n"]


def recorded(*tasks, epochs=(0, 1, 3)):
    """Return a history of some outputs, each `(name, task, y_true, y_pred, options)`, as a fit records it."""
    history = ScoreHistory({"f1": True, "loss": False, "own": None})
    history.settings.update(task="a task", threshold=0.5, zero_division=NAN, scoring=["f1", "auc"], cells=True, of=None)
    for epoch in epochs:
        values, tallies = {}, {}
        for name, task, y_true, y_pred, options in tasks:
            found = assessed(task, y_true, y_pred, **options)
            prefix = "" if name is None else f"{name}_"
            values.update({prefix + key: value for key, value in found.values.items()})
            tallies[name] = with_curves(found.records[None])
        history.append(epoch, values, tallies)
        history.logs[-1].update(loss=0.1 * epoch, val_loss=NAN if epoch else float("inf"))
    return history


def with_curves(tally):
    """Return the record with a curve of its last class, of integers or of sums of weights."""
    if tally is None:
        return None
    unit = np.float64(0.1) if np.issubdtype(tally.matrix().dtype, np.floating) else np.int64(1)
    curve = Curve(
        np.array([np.inf, 0.1 + 0.2, np.float32(0.3)]), unit * np.array([0, 1, 3]), unit * np.array([0, 0, 2])
    )
    return replace(tally, curves={tally.class_names[-1]: curve})


BINARY = (None, Binary(), YB, PB, {})
HISTORIES = {
    "binary": [BINARY],
    "weights, logits, pos_label": [
        (None, Binary(pos_label=0, from_logits=True), YB, 4 * PB - 2, {"sample_weight": WEIGHT, "zero_division": NAN})
    ],
    "multiclass by class": [(None, Multiclass(class_names=NAMES), Y3, P3, {"average": None})],
    "multilabel": [(None, Multilabel(threshold=[0.4, 0.6]), YL, PL, {"sample_weight": WEIGHT})],
    "several outputs, one without counts": [
        ("a", Multiclass(), Y3, P3, {"scoring": ["f1", "auc", "confusion"]}),
        ("b", Multilabel(), YL, PL, {"scoring": ["f1", "roc_auc"]}),
        ("c", Binary(), YB, np.full(60, NAN), {}),
    ],
}


def assert_same(ours, theirs, rounding=0.0):
    """Assert that all bits, types and dtypes are equal, nan to nan; numbers may differ by the share `rounding`."""
    assert type(ours) is type(theirs)
    if isinstance(ours, np.ndarray):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    elif isinstance(ours, dict):
        assert list(ours) == list(theirs)
        for name in ours:
            assert_same(ours[name], theirs[name], rounding)
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other, rounding)
    elif hasattr(ours, "__dataclass_fields__"):
        assert_same(fields_of(ours), fields_of(theirs), rounding)
    else:
        nans = ours != ours and theirs != theirs
        assert ours == theirs or nans or (rounding and math.isclose(ours, theirs, rel_tol=rounding))


def fields_of(holder):
    return {name: getattr(holder, name) for name in holder.__dataclass_fields__}


def assert_same_history(ours, theirs, *, evidence=True, rounding=0.0):
    """Assert that two histories are the same; `evidence`: also in what tells how certain their scores are."""
    for part in ("epochs", "logs", "regressions", "settings", "directions"):
        assert_same(getattr(ours._run, part), getattr(theirs._run, part))
    assert_same(dict(ours), dict(theirs), rounding)
    tallies = [list(own.tallies) for own in (ours, theirs)]  # unpacked
    assert_same(*(tallies if evidence else map(_without_evidence, tallies)))


def _without_evidence(tallies):
    """The same records as files of earlier versions hold them."""
    return [
        {output: record and replace(record, evidence=Evidence()) for output, record in own.items()} for own in tallies
    ]
