"""`Metrics(slices=…)`: in each pass every group has scikit-learn's scores of its own rows, or it raises before."""

import warnings
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel, ScoreHistory, make_prediction_scorer
from kerascb_metrics.collect import row_store
from kerascb_metrics.exceptions import ScoringError
from kerascb_metrics.tally import streaming
from tests.support.models import shared_echo_model

N = 120
MACRO = {"average": "macro", "zero_division": 0}


def groups():
    return np.random.default_rng(9).choice(["Bern", "Graz", "Ulm"], N, p=[0.5, 0.3, 0.2])


def fitted(metrics, x=None, y=None, epochs=2, callbacks=(), **options):
    """Train a model that returns its inputs; its validation data are x and y, if they are given."""
    small = np.full((4, 1), 0.5, "float32"), np.array([0, 1, 0, 1])
    data = {} if x is None else {"validation_data": (x, y), "validation_batch_size": 32}
    own = {"epochs": epochs, "verbose": 0, "callbacks": [metrics, *callbacks], **data, **options}
    return shared_echo_model(1).fit(*small, **own).history


def binary(seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(N) < 0.4).astype(int)
    return np.clip(0.3 * y + 0.7 * rng.random(N), 0, 1).astype("float32")[:, None], y


def classes(rng):
    return rng.dirichlet(np.ones(3), N).astype("float32"), rng.integers(0, 3, N)


def labels(rng):
    return rng.random((N, 3)).astype("float32"), (rng.random((N, 3)) < 0.4).astype(int)


def positions(rng):
    return rng.random((N, 5, 1)).astype("float32"), np.where(rng.random((N, 5)) < 0.2, -1, rng.integers(0, 2, (N, 5)))


def numbers(rng):
    return rng.normal(size=(N, 1)).astype("float32"), rng.normal(size=N).astype("float32")


def flat(y, p, keep=None):
    y, p = y.ravel(), p.reshape(y.shape).ravel()
    keep = y >= 0 if keep is None else keep
    return y[keep], p[keep]


# task, rows, score → what scikit-learn says of the rows (targets, outputs, weights) of a group
CASES = {
    "binary": (
        "binary",
        lambda rng: binary(),
        {
            "f1": lambda y, p, w: sk.f1_score(y, p[:, 0] > 0.5, sample_weight=w),
            "kappa": lambda y, p, w: sk.cohen_kappa_score(y, p[:, 0] > 0.5, sample_weight=w),
            "auc": lambda y, p, w: sk.roc_auc_score(y, p[:, 0], sample_weight=w),
            "neg_log_loss": lambda y, p, w: -sk.log_loss(y, p[:, 0], sample_weight=w),
        },
    ),
    "classes": (
        "multiclass",
        classes,
        {
            "precision": lambda y, p, w: sk.precision_score(y, p.argmax(1), sample_weight=w, **MACRO),
            "accuracy": lambda y, p, w: sk.accuracy_score(y, p.argmax(1), sample_weight=w),
        },
    ),
    "labels": (
        "multilabel",
        labels,
        {
            "f1": lambda y, p, w: sk.f1_score(y, p > 0.5, sample_weight=w, **MACRO),
            "iou": lambda y, p, w: sk.jaccard_score(y, p > 0.5, sample_weight=w, **MACRO),
        },
    ),
    "positions": (
        Binary(ignore_class=-1),
        positions,
        {
            "recall": lambda y, p, w: sk.recall_score(*flat(y, p > 0.5), sample_weight=_spread(y, w)),
            "auc": lambda y, p, w: sk.roc_auc_score(*flat(y, p), sample_weight=_spread(y, w)),
        },
    ),
    "numbers": (
        "regression",
        numbers,
        {
            "mae": lambda y, p, w: sk.mean_absolute_error(y, p[:, 0], sample_weight=w),
            "r2": lambda y, p, w: sk.r2_score(y, p[:, 0], sample_weight=w),
        },
    ),
}


def _spread(y, w):
    return None if w is None else np.repeat(w, y.shape[1])[y.ravel() >= 0]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", CASES)
def test_every_group_has_scikit_learns_score_of_its_rows(case, weighted):
    task, make, scores = CASES[case]
    rng = np.random.default_rng(3)
    p, y = make(rng)
    w = rng.uniform(0.5, 2, N).astype("float32") if weighted else None
    site = groups()
    data = (p, y) if w is None else (p, y, w)
    for memory in ("exact", "bounded"):
        counted = [name for name in scores if name not in ("auc", "neg_log_loss")]
        if memory == "bounded" and task == "regression":
            continue
        wanted = list(scores) if memory == "exact" else [*counted, *(["auc"] if "auc" in scores else [])]
        metrics = Metrics(
            wanted,
            task=task,
            slices={"site": site},
            validation_data=data,
            validation_batch_size=32,
            model=lambda x: x,
            memory=memory,
            verbose=False,
        )
        logs = fitted(metrics, epochs=1)
        for name in scores if memory == "exact" else counted:
            expected = {}
            for group in np.unique(site):
                own = site == group
                expected[group] = scores[name](y[own], p[own], None if w is None else w[own].astype(float))
                assert logs[f"val_{name}_site_{group}"] == pytest.approx([expected[group]], abs=1e-12)
            worst = max if name == "mae" else min
            assert logs[f"val_{name}_site_{worst.__name__}"] == pytest.approx([worst(expected.values())], abs=1e-12)
        assert [name for name in logs if "_site_" in name and "auc" in name] == (
            [] if memory == "bounded" or "auc" not in scores else [f"val_auc_site_{own}" for own in _keys(site)]
        )


def _keys(site):
    return [*np.unique(site), "min"]


def test_the_rows_of_fits_own_pass_and_several_outputs():
    p, y = binary()
    rng = np.random.default_rng(1)
    q, z = classes(rng)
    inputs = {"a": keras.Input((1,), name="a"), "b": keras.Input((3,), name="b")}
    own = {"use_bias": False, "kernel_initializer": "identity"}
    outputs = {name: keras.layers.Dense(tensor.shape[-1], **own)(tensor) for name, tensor in inputs.items()}
    model = keras.Model(inputs, {"first": outputs["a"], "second": outputs["b"]})
    model.compile(
        keras.optimizers.SGD(0.0), {"first": "binary_crossentropy", "second": "sparse_categorical_crossentropy"}
    )
    metrics = Metrics({"first": ["f1"], "second": ["accuracy"]}, slices={"site": groups()}, verbose=False)
    x, targets = {"a": p, "b": q}, {"first": y[:, None], "second": z}
    logs = model.fit(x, targets, validation_data=(x, targets), verbose=0, callbacks=[metrics], batch_size=50).history
    for group in np.unique(groups()):
        own = groups() == group
        assert logs[f"val_first_f1_site_{group}"] == pytest.approx([sk.f1_score(y[own], p[own, 0] > 0.5)], abs=1e-12)
        expected = sk.accuracy_score(z[own], q[own].argmax(1))
        assert logs[f"val_second_accuracy_site_{group}"] == pytest.approx([expected], abs=1e-12)
    assert metrics.history.best("first_f1_site_min")[1] == min(logs["val_first_f1_site_min"])
    assert metrics.history.by_group("site", "second_accuracy")[0]["Ulm"] == logs["val_second_accuracy_site_Ulm"][0]


def test_a_data_frame_combinations_and_chosen_thresholds():
    p, y = binary()
    frame = pd.DataFrame({"site": groups(), "old": np.arange(N) % 2 == 0})
    task = Binary(threshold="f1")
    metrics = Metrics("f1", task=task, slices={"site": frame["site"], "both": frame}, verbose=False)
    logs = fitted(metrics, p, y)
    labels = metrics.predictions.labels
    for (site, old), own in frame.groupby(["site", "old"]).indices.items():
        expected = sk.f1_score(y[own], labels[own])
        assert logs[f"val_f1_both_{site}_{old}"] == pytest.approx([expected] * 2, abs=1e-12)
    assert metrics.history.by_group("both", "f1")[-1]["Ulm", True] == logs["val_f1_both_Ulm_True"][-1]
    assert not [name for name in logs if name.startswith("val_threshold_")]
    whole = Metrics("f1", task=task, slices=frame, verbose=False)
    assert fitted(whole, p, y)["val_f1_site_min"] == logs["val_f1_site_min"]


def test_a_monitor_may_be_the_worst_group():
    p, y = binary()
    metrics = Metrics(["f1", "neg_log_loss"], slices={"site": groups()}, verbose=False)
    assert metrics.monitor("f1_site_min") == {"monitor": "val_f1_site_min", "mode": "max"}
    stopping = keras.callbacks.EarlyStopping("val_f1_site_min", patience=0)
    logs = fitted(metrics, p, y, callbacks=[stopping], epochs=5)
    assert len(logs["loss"]) == 2  # the echo model never gets better
    assert stopping.mode == "auto"
    assert stopping.best == logs["val_f1_site_min"][0]
    assert metrics.history.directions["f1_site_Ulm"] is True
    with pytest.raises(ValueError, match=r"'f1_sit_min' is not a score .* and of slices such as f1_site_min"):
        metrics.monitor("f1_sit_min")


def test_what_is_not_one_number_or_needs_the_whole_pass_has_no_groups():
    p, y = binary()

    def rows(predictions):
        return len(predictions)

    scoring = ["panel", make_prediction_scorer(rows)]
    metrics = Metrics(scoring, slices={"site": groups()}, per_class=True, verbose=False)
    logs = fitted(metrics, p, y, epochs=1)
    sliced = {name.partition("_site_")[0] for name in logs if "_site_" in name}
    assert sliced == {"val_f1", "val_precision", "val_recall", "val_kappa", "val_auc"}
    assert {"val_f1_0", "val_f1_1", "val_rows", "val_tp"} <= set(logs)
    per_class = Metrics(["f1", "kappa"], task=Multiclass(), average=None, slices={"site": groups()}, verbose=False)
    assert "val_kappa_site_min" in per_class.monitor("kappa_site_min").values()
    kinds = ["multiclass"]
    assert [score.name for score in per_class._plan.scoring_of(None).of_groups(*kinds)] == ["kappa"]


def test_a_group_without_a_score_is_nan_with_one_warning():
    p, y = binary()
    site = np.where(y == 1, "ill", "well")
    site[:2] = "few"
    metrics = Metrics(["f1", "auc"], slices={"site": site}, verbose=False)
    with pytest.warns(
        UserWarning, match=r"epoch 0 .*: undefined for auc_site_ill, auc_site_well.*a class too few"
    ) as seen:
        logs = fitted(metrics, p, y)
    assert len([own for own in seen if "Metrics" in str(own.message)]) == 1
    assert np.isnan(logs["val_auc_site_ill"]).all()
    assert logs["val_auc_site_min"] == logs["val_auc_site_few"] or np.isnan(logs["val_auc_site_few"]).all()
    assert logs["val_f1_site_well"] == [0.0, 0.0]  # no positive row: zero_division


# Keras 3.12 under NumPy 1.26, which catches what other tests raise for it.
@pytest.mark.filterwarnings("ignore:Conversion of an array:DeprecationWarning")
def test_other_targets_in_a_later_pass_give_nan_with_one_warning():
    for memory in ("exact", "bounded"):
        p, y = binary()

        class Shuffled(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None, y=y):
                y[:] = y[::-1].copy()

        metrics = Metrics(
            "f1", task="binary", slices={"site": groups()}, validation_data=(p, y), model=lambda x: x, memory=memory
        )
        with pytest.warns(
            UserWarning, match="epoch 1 .*: the targets are not those of the first validation pass"
        ) as seen:
            logs = fitted(metrics, callbacks=[Shuffled()], epochs=3)
        assert len([own for own in seen if "Metrics" in str(own.message)]) == 1
        assert np.isnan(logs["val_f1_site_min"]).tolist() == [False, True, False]
        assert not np.isnan(logs["val_f1"]).any()


def test_rows_that_are_counted_from_a_pass_on():
    p, y = binary()
    metrics = Metrics(["f1", "auc"], slices={"site": groups()}, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_store, "PART", 500)
        patch.setattr(row_store, "LIMIT", 500)
        patch.setattr(streaming, "TABLE_BYTES", 1)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            logs = fitted(metrics, p, y, epochs=2)
    assert any("slices have label scores alone" in str(own.message) for own in seen)
    own = groups() == "Ulm"
    assert logs["val_f1_site_Ulm"] == pytest.approx([sk.f1_score(y[own], p[own, 0] > 0.5)] * 2, abs=1e-12)
    assert np.isnan(logs["val_auc_site_Ulm"]).all()


def test_histories_files_and_tables_keep_them(tmp_path):
    p, y = binary()
    metrics = Metrics(slices={"site": groups()}, log_file=tmp_path / "scores.jsonl", verbose=False)
    fitted(metrics, p, y)
    loaded = ScoreHistory.load(tmp_path / "scores.jsonl")
    assert loaded["f1_site_min"] == metrics.history["f1_site_min"]
    assert loaded.settings["slices"] == ["site"]
    assert loaded.directions["f1_site_min"] is True
    text = metrics.history.report(by="site")
    assert [line.split()[2] for line in text.splitlines() if line.split()[:1] == ["group"]] == [
        "f1",
        "precision",
        "recall",
        "kappa",
        "auc",
    ]
    with pytest.raises(ValueError, match="no slices 'site'; this result has none"):
        loaded.report(by="site")
    with pytest.raises(ValueError, match="no slices 'sex'; there are 'site'"):
        metrics.history.at("last").by_group("sex", "f1")
    scores = metrics.evaluate(lambda x: x, p, y)
    assert not [name for name in scores if "_site_" in name]
    resumed = Metrics(slices={"site": groups()}, log_file=tmp_path / "scores.jsonl", verbose=False)
    fitted(resumed, p, y, initial_epoch=2, epochs=3)
    assert len(resumed.history["f1_site_min"]) == 3


P, Y = binary()
FIT = partial(fitted, x=P, y=Y)
WRONG = {
    "no dict": (lambda: Metrics(slices=groups()), "must be a dict such as .*received ndarray"),
    "a name that is no text": (lambda: Metrics(slices={1: groups()}), "names of slices must be text.*received 1"),
    "None": (lambda: Metrics(slices={"s": ["a", None]}), r"slices\['s'\]: 1 samples have None or nan"),
    "nan": (lambda: Metrics(slices={"s": [1.0, np.nan, np.nan]}), "2 samples have None or nan"),
    "a thousand groups": (lambda: Metrics(slices={"id": np.arange(1000)}), "has 1,000 groups.*at most 100"),
    "two lengths": (lambda: Metrics(slices={"a": [1, 2], "b": [1]}), "received 2 for 'a', 1 for 'b'"),
    "a group called min": (lambda: Metrics(slices={"a": ["x", "min"]}), "would both write a_min"),
    "two groups of one name": (lambda: Metrics(slices={"a": ["1", 1]}), "would both write a_1"),
    "a score of that name": (
        lambda: Metrics({"f1": "f1", "f1_a_1": "recall"}, task="binary", slices={"a": [1, 2]}),
        "a slice and another score would both write f1_a_1",
    ),
    "counts and a chosen threshold": (
        lambda: Metrics(task=Binary(threshold="f1"), slices={"a": [1, 2]}, memory="bounded"),
        "memory='bounded' a threshold is chosen when the rows are gone",
    ),
    "too short": (
        lambda: FIT(Metrics(slices={"a": [1, 2]})),
        r"slices\['a'\] must have one value .* so 120; received 2",
    ),
    "too long for the steps": (
        lambda: FIT(Metrics(slices={"a": groups()}), validation_steps=1),
        "so 32; received 120",
    ),
    "too short for given data": (
        lambda: FIT(Metrics(slices={"a": [1, 2]}, validation_data=(P, Y))),
        "so 120; received 2",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_raises_before_training(case):
    call, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        call()


def test_data_without_a_fixed_order_is_refused():
    class Data(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return P[:50], Y[:50]

    metrics = Metrics(slices={"site": groups()}, verbose=False)
    with pytest.raises(ValueError, match=r"need validation data in arrays.*received Data.*history.by_group"):
        fitted(metrics, validation_data=Data())
    given = Metrics(slices={"site": groups()}, validation_data=Data(), verbose=False)
    with pytest.raises(ValueError, match="need validation data in arrays"):
        fitted(given)


def test_a_class_with_the_name_of_a_group_raises():
    options = {"per_class": True, "slices": {"site": groups()}}
    with pytest.raises(ValueError, match="would both write f1_site_Ulm"):
        Metrics("f1", task=Multilabel(class_names=["site_Ulm", "b", "c"]), **options)


@pytest.mark.parametrize("zero_division", [0.0, 1.0, np.nan])
def test_the_worst_group_is_that_of_by_group_where_a_score_is_undefined(zero_division):
    """Recall of a group without a positive row is `zero_division`, as in scikit-learn; nan is left out."""
    p, y = binary()
    site = np.where(y == 1, "mixed", np.where(np.arange(N) % 3 == 0, "negative", "mixed"))
    metrics = Metrics(["recall"], slices={"site": site}, zero_division=zero_division, verbose=False)
    with pytest.warns(UserWarning, match="undefined for recall_site_negative.*zero_division=nan leaves out 0/0"):
        logs = fitted(metrics, p, y, epochs=1)
    np.testing.assert_array_equal(logs["val_recall_site_negative"], [zero_division])
    assert logs["val_recall_site_min"] == [np.nanmin([zero_division, *logs["val_recall_site_mixed"]])]
    assert logs["val_recall_site_min"] == [metrics.history.by_group("site", "recall")[0].group_min]


def test_a_group_that_lacks_a_class_counts_for_the_worst():
    """Its macro average is a number: one of its classes is 0/0, the others are not."""
    rng = np.random.default_rng(0)
    p, y = classes(rng)
    site = np.where((y == 2) | (rng.random(N) < 0.5), "whole", "lacks 2")
    options = {"slices": {"site": site}, "validation_data": (p, y), "model": lambda x: x, "verbose": False}
    metrics = Metrics(["recall"], task="multiclass", **options)
    with pytest.warns(UserWarning, match="undefined for recall_site_lacks 2"):
        logs = fitted(metrics, epochs=1)
    values = [logs[f"val_recall_site_{of}"][0] for of in ("lacks 2", "whole")]
    assert values[0] < values[1]
    assert logs["val_recall_site_min"] == [values[0]]
    assert metrics.history.by_group("site", "recall")[0].group_min == pytest.approx(values[0], abs=1e-12)


@pytest.mark.parametrize("error_score", ["raise_first", "raise", 0.25])
def test_a_score_that_raises_on_a_group_follows_error_score(error_score):
    def picky(y_true, y_pred):
        if len(y_true) < 100:
            raise RuntimeError("too few for me")
        return 1.0

    p, y = binary()
    metrics = Metrics({"picky": picky}, slices={"site": groups()}, error_score=error_score, verbose=False)
    if isinstance(error_score, str):
        with pytest.raises(ScoringError, match=r"'picky_site_Bern' failed in epoch 0 .*too few for me"):
            fitted(metrics, p, y)
        return
    with pytest.warns(UserWarning, match="too few for me"):
        logs = fitted(metrics, p, y)
    assert logs["val_picky_site_Ulm"] == [0.25, 0.25]
    assert logs["val_picky"] == [1.0, 1.0]


def test_a_first_pass_that_was_cut_short_fixes_nothing():
    p, y = binary()

    class Stops(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = not metrics.history.epochs

    metrics = Metrics(["f1"], slices={"site": groups()}, verbose=False)
    with pytest.warns(UserWarning, match="cut short"):
        logs = fitted(metrics, p, y, callbacks=[Stops()], epochs=2)
    own = groups() == "Ulm"
    assert np.isnan(logs["val_f1_site_Ulm"][0])
    assert logs["val_f1_site_Ulm"][1] == pytest.approx(sk.f1_score(y[own], p[own, 0] > 0.5), abs=1e-12)
