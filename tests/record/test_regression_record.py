"""The rows that are kept of a regression: which ones, in each epoch of a fit, and in files."""

import json
import pickle

import numpy as np
import pytest

from kerascb_metrics import DataError, Metrics, Regression, ScoreHistory, Scores
from kerascb_metrics.record.regression_record import RegressionRecord, rows_each
from tests.support.models import shared_echo_model
from tests.support.saved_histories import assert_same, assert_same_history

NAN = float("nan")


def drawn(rows, columns=None, seed=0):
    rng = np.random.default_rng(seed)
    shape = rows if columns is None else (rows, columns)
    return rng.normal(size=shape).astype("float32"), rng.normal(size=shape).astype("float32")


def record_of(y_true, y_pred, *, output=None, ignore_class=None, **options):
    scores = Metrics("mae", task=Regression(ignore_class)).score(y_true, y_pred, **options)
    return scores._record.regressions[output]


def fit(metrics, y, batch_size=32, epochs=1, **options):
    """Fit a model that returns its input, and validate it on the outputs 2 y."""
    given = {"validation_data": (2 * y, y), "validation_batch_size": batch_size, "epochs": epochs, "verbose": 0}
    shared_echo_model(y.shape[1], "mse").fit(y[:4], y[:4], callbacks=[metrics], **given | options)
    return metrics.history


@pytest.mark.parametrize("rows", [1, 2, 999, 1000, 1001, 25_000])
def test_rows_are_evenly_spaced_with_the_first_and_the_last(rows):
    at = np.arange(rows, dtype="float32")
    (column,) = record_of(at + 0.5, at).columns
    assert column.n_rows == rows
    assert len(column.true) == min(rows, 1000)
    assert (column.predicted[0], column.predicted[-1]) == (0, rows - 1)
    np.testing.assert_array_equal(column.true, column.predicted + 0.5)
    steps = np.diff(column.predicted)
    assert len(steps) == 0 or (steps.max() - steps.min() <= 1 and steps.min() >= 1)
    assert column.true.dtype == column.predicted.dtype == np.float32


@pytest.mark.filterwarnings("ignore:Metrics. undefined in Metrics.score. mae. column 1")
def test_elements_that_are_left_out_are_not_among_them():
    y_true, y_pred = drawn(3000, 2)
    y_true[::2, 0] = NAN
    y_true[:, 1] = NAN
    first, second = record_of(y_true, y_pred, ignore_class=NAN).columns
    assert (first.n_rows, len(first.true)) == (1500, 1000)
    assert np.isin(first.true, y_true[1::2, 0]).all()
    assert (first.true[0], first.true[-1]) == (y_true[1, 0], y_true[-1, 0])
    assert (second.n_rows, len(second.true), second.words) == (0, 0, "no row")


def test_masked_positions_are_not_among_them():
    y_true, y_pred = drawn(40, 5)
    mask = np.arange(200).reshape(40, 5) % 3 > 0
    (column,) = record_of(y_true[..., None], y_pred[..., None], mask=mask).columns
    np.testing.assert_array_equal(column.true, y_true[mask])
    np.testing.assert_array_equal(column.predicted, y_pred[mask])


def test_of_many_columns_the_first_four_are_kept():
    y_true, y_pred = drawn(50, 7)
    found = record_of(y_true, y_pred, sample_weight=np.ones(50))
    assert (len(found.columns), found.n_columns, found.weighted) == (4, 7, True)
    np.testing.assert_array_equal(np.column_stack([column.true for column in found.columns]), y_true[:, :4])
    assert not record_of(y_true, y_pred).weighted


def test_the_arrays_are_read_only_and_no_view_of_the_rows():
    y_true, y_pred = drawn(50)
    (column,) = record_of(y_true, y_pred).columns
    first = column.true[0]
    y_true[:] = 7
    assert column.true[0] == first
    with pytest.raises(ValueError, match="read-only"):
        column.true[0] = 1


def test_what_float32_cannot_hold_is_its_largest_number():
    (column,) = record_of(np.array([1e300, -1e300, 1.0]), np.array([1.0, 2.0, 3.0])).columns
    assert np.isfinite(column.true).all()
    assert np.isfinite(column.residuals).all()


@pytest.mark.parametrize("of", ["nan outputs", "classes"])
def test_undefined_scores_and_classes_have_none(of):
    if of == "classes":
        scores = Metrics().score([0, 1, 1], [0.2, 0.9, 0.4])
    else:
        with pytest.warns(UserWarning, match="NaN"):
            scores = Metrics(task="regression").score([1.0, 2.0, 3.0], [1.0, NAN, 3.0])
    assert scores._record.regressions == {}


def test_bounded_memory_refuses_a_regression_so_its_rows_are_always_there():
    with pytest.raises((ValueError, DataError), match="memory='bounded' keeps counts and no rows"):
        Metrics(task="regression", memory="bounded")


def test_each_epoch_of_a_fit_keeps_rows_whatever_the_batches():
    y, _ = drawn(2500, 1)
    found = [fit(Metrics(verbose=False), y, size, epochs=2)._run.regressions for size in (7, 2500)]
    assert_same(*found)
    assert [list(of_epoch) for of_epoch in found[0]] == [[None], [None]]
    (column,) = found[0][0][None].columns
    np.testing.assert_array_equal(column.predicted, 2 * column.true)
    assert (len(column.true), column.n_rows) == (1000, 2500)


def test_outputs_share_what_an_epoch_may_take(tmp_path):
    outputs = {f"output {i}": drawn(25_000, 7, i) for i in range(20)}
    y_true, y_pred = ({name: own[side] for name, own in outputs.items()} for side in (0, 1))
    scores = Metrics("mae", task="regression").score(y_true, y_pred)
    found = scores._record.regressions
    assert set(found) == set(outputs)
    assert {len(column.true) for record in found.values() for column in record.columns} == {rows_each([7] * 20)}
    scores.save(tmp_path / "scores.jsonl")
    _, epoch = (tmp_path / "scores.jsonl").read_text().splitlines()
    assert len(epoch) <= 2**16
    assert sum(column.true.nbytes * 2 for record in found.values() for column in record.columns) <= 2**16


@pytest.mark.parametrize("rows", [3, 400])
@pytest.mark.parametrize("name", ["scores.json", "scores.jsonl"])
def test_files_hold_the_rows(tmp_path, name, rows):
    y, _ = drawn(rows, 3)
    history = fit(Metrics(verbose=False), y, epochs=2)
    history.save(tmp_path / name)
    assert_same_history(ScoreHistory.load(tmp_path / name), history)
    history.at(1).save(tmp_path / name)
    assert_same(Scores.load(tmp_path / name)._record.regressions, history._run.regressions[1])


def test_a_resumed_log_file_has_the_rows_of_all_epochs(tmp_path):
    y, _ = drawn(40, 1)
    options = {"log_file": tmp_path / "scores.jsonl", "verbose": False}
    first = fit(Metrics(**options), y, epochs=1)
    both = fit(Metrics(**options), y, epochs=2, initial_epoch=1)
    assert both.epochs == [0, 1]
    assert_same(both._run.regressions[0], first._run.regressions[0])
    assert_same(ScoreHistory.load(tmp_path / "scores.jsonl")._run.regressions, both._run.regressions)


def test_older_files_and_csv_files_have_none(tmp_path):
    history = fit(Metrics(verbose=False), drawn(40, 1)[0])
    history.save(tmp_path / "scores.json")
    form = json.loads((tmp_path / "scores.json").read_text())
    assert form["epochs"][0].pop("regressions")
    (tmp_path / "scores.json").write_text(json.dumps(form))
    history.save(tmp_path / "scores.csv")
    for name in ("scores.json", "scores.csv"):
        loaded = ScoreHistory.load(tmp_path / name)
        assert loaded._run.regressions == [{}]
        with pytest.raises(ValueError, match=r"epoch 0 has no true and predicted values: .*earlier version"):
            loaded.at(0)._record.regression()


def test_a_history_is_pickled_with_the_rows():
    history = fit(Metrics(verbose=False), drawn(40, 1)[0])
    assert_same(pickle.loads(pickle.dumps(history))._run.regressions, history._run.regressions)


def test_a_record_of_fewer_rows():
    rows = Metrics(task="regression").score(*drawn(100))._rows.tally(None).labeled
    found = RegressionRecord.of(rows, 10)
    assert found.columns[0].words == "10 of 100 rows, evenly spaced"
