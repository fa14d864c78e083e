"""Predicted labels in files, on request: the same comparisons from a file, and damaged labels."""

import json
from functools import cache
from importlib.resources import files

import jsonschema
import keras
import numpy as np
import pytest

from kerascb_metrics import Metrics, ScoreHistory

SCHEMA = json.loads((files("kerascb_metrics.record") / "score_history.schema.json").read_text(encoding="utf-8"))


class Worse(keras.callbacks.Callback):
    """Moves the outputs a little in each epoch, so that labels change."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[-1].set_weights([np.array([0.02 * epoch], "float32")])


class Shift(keras.layers.Layer):
    """Adds its weight."""

    def build(self, input_shape):
        self.shift = self.add_weight(shape=(1,), initializer="zeros")
        self.built = True

    def call(self, inputs):
        return keras.ops.clip(inputs + self.shift, 0, 1)


@cache
def run(kind, count=80):
    rng = np.random.default_rng(0)
    shape, weight, loss, own = {
        "binary": ((count, 1), None, "binary_crossentropy", {}),
        "weighted": ((count, 1), rng.uniform(0.5, 2, count), "binary_crossentropy", {}),
        "labels": ((count, 3), None, "binary_crossentropy", {"task": "multilabel"}),
        "positions": ((count, 5, 1), None, "binary_crossentropy", {}),
    }[kind]
    y = (rng.random(shape) < 0.4).astype("float32")
    x = np.clip(0.5 * y + 0.5 * rng.random(shape), 0, 1).astype("float32")
    model = keras.Sequential([keras.Input(shape[1:]), Shift()])
    model.compile(keras.optimizers.SGD(0.0), loss)
    metrics = Metrics(["f1", "precision"], verbose=False, **own)
    data = (x, y) if weight is None else (x, y, weight)
    model.fit(x[:8], y[:8], validation_data=data, epochs=3, verbose=0, callbacks=[Worse(), metrics])
    return metrics.history


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
@pytest.mark.parametrize("kind", ["binary", "weighted", "labels", "positions"])
def test_a_file_with_labels_compares_epochs_as_the_run_does(kind, suffix, tmp_path):
    history = run(kind)
    path = tmp_path / f"run{suffix}"
    history.save(path, labels=True)
    loaded = ScoreHistory.load(path)
    for name in ("f1", "precision"):
        for pair in ((2, 0), ("best", 1)):
            expected, found = history.compare(*pair, name), loaded.compare(*pair, name)
            assert (found.difference, found.pvalue, found.n_changed) == (
                expected.difference,
                expected.pvalue,
                expected.n_changed,
            )
            np.testing.assert_array_equal(found.table, expected.table)
        assert loaded.corrected_best(name) == history.corrected_best(name)
    assert str(loaded) == str(history)
    loaded.save(tmp_path / f"again{suffix}", labels=True)
    assert (tmp_path / f"again{suffix}").read_bytes() == path.read_bytes()
    history.save(tmp_path / f"without{suffix}")
    assert b"labels" not in (tmp_path / f"without{suffix}").read_bytes()


def test_the_file_is_one_of_the_schema(tmp_path):
    run("weighted").save(tmp_path / "run.json", labels=True)
    form = json.loads((tmp_path / "run.json").read_text())
    jsonschema.Draft202012Validator({**SCHEMA, "$ref": "#/$defs/file"}).validate(form)
    assert "rows" in form["epochs"][-1]["tallies"][0]
    assert "rows" not in form["epochs"][0]["tallies"][0]


def test_csv_has_no_labels(tmp_path):
    with pytest.raises(ValueError, match="no labels"):
        run("binary").save(tmp_path / "run.csv", labels=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tally: tally["rows"]["y_true"].update(values=[0, 1]), "differ in shape"),
        (lambda tally: tally["labels"]["values"].__setitem__(0, 7), "labels without a class"),
        (lambda tally: tally["labels"].update(dtype="float64"), "labels must be integers"),
        (lambda tally: tally.pop("fingerprint"), "'fingerprint' is missing"),
        (lambda tally: tally["rows"].pop("samples"), "'samples' is missing"),
        (lambda tally: tally["rows"]["weight"]["values"].pop(), "'weight' is of another shape"),
        (lambda tally: tally["rows"].update(numbers={"dtype": "int64", "values": [5] * 80}, samples=4), "are wrong"),
        (lambda tally: tally["rows"].update(numbers={"dtype": "int64", "values": [5]}), "not one per row"),
        (lambda tally: tally["rows"].update(present={"dtype": "bool", "values": [True]}), "'present' is of another"),
    ],
)
def test_damaged_labels_are_an_error_with_the_reason(change, reason, tmp_path):
    path = tmp_path / "run.json"
    run("weighted").save(path, labels=True)
    form = json.loads(path.read_text())
    change(form["epochs"][-1]["tallies"][0])
    path.write_text(json.dumps(form))
    with pytest.raises(ValueError, match=reason):
        ScoreHistory.load(path)
