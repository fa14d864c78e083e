"""The regressions of the HTML page, without a browser: their numbers, their sentences, and how much room they take."""

import numpy as np
import pytest

from kerascb_metrics import Metrics, Multiclass, Regression, ScoreHistory
from kerascb_metrics.record.regression_record import rows_each
from kerascb_metrics.show.report.render import report_page
from tests.show.test_report import Page, page_of
from tests.support.page_histories import HOSTILE, class_epochs, history_of, regression, regressions


def numbers(found):
    return found["low"] + found["step"] * np.array(found["at"])


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_points_and_facts_are_those_of_the_rows(scale):
    rng = np.random.default_rng(0)
    y, p = (scale * rng.normal(5, 1, (2, 300))).astype("float32")
    data = page_of(Metrics(task="regression").score(y, p)).data
    ((column,),) = (data["regressions"][0]["epochs"][0]["columns"],)
    residuals = y - p.astype(float)
    np.testing.assert_allclose(numbers(column["predicted"]), p, atol=np.ptp(p) / 19_000)
    np.testing.assert_allclose(numbers(column["residual"]), residuals, atol=np.ptp(residuals) / 19_000)
    expected = [residuals.mean(), residuals.std(), *np.quantile(residuals, [0.05, 0.5, 0.95])]
    np.testing.assert_allclose(column["facts"], expected, rtol=5.001e-4)
    assert column["rows"] == "All 300 rows."
    assert data["without_points"] == ""


def test_the_page_says_which_rows_and_columns_there_are():
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=(2, 25_000, 6)).astype("float32")
    output = page_of(Metrics(task="regression").score(y, p, np.ones(25_000))).data["regressions"][0]
    assert (output["columns"], output["more"]) == (4, 2)
    (found,) = output["epochs"]
    sentence = "1,000 of 25,000 rows, evenly spaced. Points and numbers are without the sample weights."
    assert [column["rows"] for column in found["columns"]] == [sentence] * 4


@pytest.mark.filterwarnings("ignore:Metrics. undefined in Metrics.score. mae. column 1")
def test_a_column_without_rows_and_constant_predictions():
    y = np.array([[1.0, np.nan], [3.0, np.nan]])
    scores = Metrics("mae", task=Regression(np.nan)).score(y, np.array([[2.0, 5.0], [2.0, 5.0]]))
    first, second = page_of(scores).data["regressions"][0]["epochs"][0]["columns"]
    assert first["predicted"] == {"low": 2.0, "step": 0.0, "at": [0, 0]}
    assert (second["facts"], second["rows"]) == ([], "No row.")


def test_an_epoch_that_could_not_be_scored_has_no_points():
    history, _ = regressions()
    history.append(3, {"r2": float("nan")}, {None: None})
    assert page_of(history).data["regressions"][0]["epochs"][3] is None
    assert page_of(regression()).data["regressions"] == []


def test_names_of_outputs_stay_text():
    history, _ = regressions([HOSTILE, "price"])
    page = page_of(history)
    assert [output["name"] for output in page.data["regressions"]] == [HOSTILE, "price"]
    assert page.tags.count("script") == 2


def test_a_loaded_history_gives_the_same_points(tmp_path):
    history, _ = regressions(["a", "b"], columns=2, rows=1500)
    history.save(tmp_path / "scores.json")
    assert page_of(ScoreHistory.load(tmp_path / "scores.json")).data == page_of(history).data


def repeated(history, epochs=100):
    """Return a history of so many epochs, each one of the given one."""
    longer = ScoreHistory({"r2": True})
    for epoch in range(epochs):
        given = history._run.at(epoch % len(history.epochs))
        longer._run.append(epoch, given.values, given.tallies, None, given.regressions)
    return longer


@pytest.mark.parametrize(
    ("outputs", "columns", "rows"),
    [([None], 1, 5000), ([None], 4, 5000), ([f"output {i}" for i in range(30)], 7, rows_each([7] * 30))],
)
def test_a_hundred_epochs_stay_under_two_mebibytes(outputs, columns, rows):
    history, _ = regressions(outputs, rows=rows, columns=columns)
    page = report_page(repeated(history)._run)
    assert len(page.encode()) < 2**21
    data = Page(page).data
    kept = [index for index, found in enumerate(data["regressions"][0]["epochs"]) if found["columns"]]
    assert 99 in kept
    if outputs == [None]:
        assert history.index_of("best") in kept
    if columns == 1:
        assert len(kept) == 100
    else:
        assert 10 < len(kept) < 100
        assert "the best and the last have points" in data["without_points"]


def test_beside_a_hundred_classes_a_hundred_epochs_stay_under_two_mebibytes():
    classes = history_of(Multiclass(), class_epochs(100, 3, 5000), ["f1", "auc", "confusion"])
    both, _ = regressions(["price"], rows=5000, columns=4)
    run = ScoreHistory({"f1": True})._run
    for epoch in range(100):
        given, values = classes.at(epoch % 3)._record, {"f1": classes["f1"][epoch % 3]}
        run.append(epoch, values, {"kind": given.tally(), "price": None}, None, both._run.regressions[epoch % 3])
        run.memo["interval", epoch, "f1", 0.95] = 0.5, 0.75  # intervals take half a minute, and few bytes
    page = report_page(run)
    assert 1_000_000 < len(page.encode()) < 2**21
    assert sum(bool(found["columns"]) for found in Page(page).data["regressions"][0]["epochs"]) > 2
