"""The HTML page without a browser: its data, size and escaping, and that it loads nothing."""

import base64
import datetime
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import classification_report, confusion_matrix

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel, Ordinal, ScoreHistory
from kerascb_metrics.record.run_record import RunRecord
from kerascb_metrics.show.report.curves import CurveBudget, thin
from kerascb_metrics.show.report.render import report_page
from kerascb_metrics.tally.curve import Curve
from tests.support.page_histories import (
    HOSTILE,
    HOSTILE_NAMES,
    binary_epochs,
    class_epochs,
    history_of,
    label_epochs,
    regression,
    two_outputs,
)

WEIGHT = np.random.default_rng(0).uniform(0.5, 2, 300)


class Page(HTMLParser):
    """The elements of a page: tags, attributes and the text in them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts, self._open = [], [], {}, None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._open = "data" if ("id", "data") in attrs else tag

    def handle_data(self, data):
        self.texts.setdefault(self._open, data)

    @property
    def data(self):
        return json.loads(self.texts["data"], parse_constant=pytest.fail)


def page_of(history, title=None):
    run = history._run if isinstance(history, ScoreHistory) else RunRecord.of(history._record)
    return Page(report_page(run, title))


def entry_of(history, index=-1, output=0):
    return page_of(history).data["outputs"][output]["epochs"][index]


@pytest.fixture(scope="module")
def fifty():
    return class_epochs(10, epochs=50, rows=300)


@pytest.fixture(scope="module")
def fifty_page(fifty):
    return report_page(history_of(Multiclass(), fifty)._run)


def test_fifty_epochs_of_ten_classes_stay_under_two_megabytes(fifty_page):
    curves = [curve for epoch in Page(fifty_page).data["outputs"][0]["epochs"] for curve in epoch["curves"]]
    assert len(curves) == 500
    # Counts of a million rows have 7 digits, not 3, and thresholds of float64 scores 12, not 8.
    longer = sum(4 + 4 + 4 for curve in curves for _ in curve["tps"])
    assert 1_000_000 < len(fifty_page.encode()) + longer < 2_000_000


def test_fifty_epochs_with_weights_stay_under_two_megabytes(fifty):
    logits = [(y, np.log(p)) for y, p in fifty]
    history = history_of(Multiclass(from_logits=True), logits, weight=WEIGHT)
    assert 1_000_000 < len(report_page(history._run).encode()) < 2_000_000


def test_names_of_the_user_stay_text():
    history = history_of(Multiclass(class_names=HOSTILE_NAMES), class_epochs(3))
    history.settings[HOSTILE] = HOSTILE
    history.logs[-1][HOSTILE] = 1.0
    page, plain = page_of(history, HOSTILE + "{{data}}"), page_of(regression())
    assert page.tags == plain.tags
    assert page.texts["title"] == page.texts["h1"] == HOSTILE + "{{data}}"
    assert page.data["outputs"][0]["names"] == HOSTILE_NAMES
    assert [HOSTILE, HOSTILE] in page.data["settings"]
    assert page.data["logs"][-1]["name"] == HOSTILE


def test_the_escaping_test_can_fail():
    text = report_page(history_of(Multiclass(class_names=HOSTILE_NAMES), class_epochs(3))._run)
    assert Page(text.replace("\\u003c", "<").replace("\\u003e", ">")).tags != page_of(regression()).tags


def test_numbers_that_are_not_finite_are_null():
    assert page_of(regression()).data["scores"][0]["values"] == [0.1, 0.3, None, 0.2, None]


def test_the_page_loads_nothing():
    text = report_page(two_outputs()._run)
    names = {name for name, _ in Page(text).attributes}
    assert not names & {"src", "href", "srcset", "action", "style"}
    assert not [name for name in names if name.startswith("on")]
    assert re.findall(r"\w+://[^\"'\s]*", text) == ["http://www.w3.org/2000/svg"]  # a namespace, which is not loaded
    assert not re.search(r"@import|url\(|innerHTML|eval\(|fetch\(|XMLHttpRequest|import\(", text)


def test_the_policy_allows_only_the_style_and_script_of_the_page():
    page = page_of(regression())
    policy = dict(part.split(" ", 1) for part in dict(page.attributes[2:4])["content"].split("; "))
    assert policy["default-src"] == "'none'"
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.texts[kind].encode()).digest()).decode()
        assert policy[f"{kind}-src"] == f"'sha256-{digest}'"


def test_matrix_and_report_are_scikit_learns():
    (y, p), names = class_epochs(3)[1], ["cat", "dog", "eel"]
    entry = entry_of(history_of(Multiclass(class_names=names), class_epochs(3)), 1)
    assert entry["matrix"] == confusion_matrix(y, p.argmax(1)).tolist()
    report = classification_report(y, p.argmax(1), target_names=names, output_dict=True)
    ours = dict(zip(names, entry["report"], strict=True)) | {name: row for name, *row in entry["averages"]}
    assert list(ours) == list(report)
    for name, numbers in ours.items():
        theirs = ["", "", report[name], 300] if name == "accuracy" else list(report[name].values())
        assert numbers == pytest.approx(theirs, abs=5.001e-5)


def test_the_most_frequent_errors_come_first():
    y, p = np.array([0, 0, 0, 0, 1, 1, 2]), np.eye(3, dtype="float32")[[0, 1, 1, 2, 1, 0, 2]]
    entry = entry_of(history_of(Multiclass(), [(y, p)], ["f1"]))
    assert entry["confused"] == [[0, 1, 2, 0.5], [0, 2, 1, 0.25], [1, 0, 1, 0.5]]


def test_of_a_thousand_classes_the_most_confused_are_a_matrix():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 1000, 20_000)
    guessed = np.where(rng.random(20_000) < 0.5, y, rng.integers(0, 1000, 20_000))
    guessed[(y == 700) & (guessed != 700)] = 3
    guessed[(y == 3) & (guessed != 3)] = 700
    history = history_of(Multiclass(), [(y, np.eye(1000, dtype="float32")[guessed])], ["f1"])
    part, theirs = entry_of(history)["part"], confusion_matrix(y, guessed)
    own, others = part["of"], np.setdiff1d(np.arange(1000), part["of"])
    assert (own[:2], len(set(own))) == ([3, 700], 20)
    ours = np.array(part["matrix"])
    np.testing.assert_array_equal(ours[:20, :20], theirs[np.ix_(own, own)])
    np.testing.assert_array_equal(ours[:20, 20], theirs[np.ix_(own, others)].sum(axis=1))
    np.testing.assert_array_equal(ours[20], [*theirs[others][:, own].sum(axis=0), theirs[np.ix_(others, others)].sum()])


def assert_exact(curve, positive, y_score, weight, predicted):
    """Assert that each point counts the rows at or above its threshold, and the default point the predicted rows."""
    weight = np.ones(len(y_score), int) if weight is None else weight
    for at, (threshold, tp, fp) in enumerate(zip(*(curve[key] for key in ("thresholds", "tps", "fps")), strict=True)):
        reached = predicted if at == curve["default"] else y_score >= (np.inf if threshold is None else threshold)
        assert tp == pytest.approx(weight[reached & positive].sum(), rel=1e-11)
        assert fp == pytest.approx(weight[reached & ~positive].sum(), rel=1e-11)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_points_of_a_binary_curve_are_exact(threshold, weight):
    y, p = binary_epochs()[-1]
    entry = entry_of(history_of(Binary(threshold=threshold), [(y, p)], weight=weight))
    (curve,) = entry["curves"]
    assert_exact(curve, y == 1, p[:, 0], weight, p[:, 0] > threshold)
    assert curve["thresholds"][curve["default"]] == threshold
    (_, _), (fn, tp) = entry["matrix"]
    assert [curve["tps"][curve["default"]], curve["tps"][-1]] == pytest.approx([tp, tp + fn])


def test_points_of_an_inverted_binary_curve_are_exact():
    y, p = binary_epochs()[-1]
    history = history_of(Binary(pos_label=0, threshold=0.25), [(y, p)])
    (curve,) = entry_of(history)["curves"]
    assert_exact(curve, y == 0, 1 - p[:, 0].astype(float), None, p[:, 0] <= 0.25)
    assert curve["thresholds"][curve["default"]] == 0.75
    assert page_of(history).data["outputs"][0]["default_sign"] == "≥"


@pytest.mark.parametrize("cut", [0.0, 0.999])
def test_the_default_point_exists_if_all_or_no_rows_are_predicted(cut):
    y, p = binary_epochs()[-1]
    (curve,) = entry_of(history_of(Binary(threshold=cut), [(y, p)]))["curves"]
    assert_exact(curve, y == 1, p[:, 0], None, p[:, 0] > cut)
    assert curve["thresholds"][curve["default"]] == cut


def test_points_of_logits_are_exact_and_shown_as_probabilities():
    y, p = binary_epochs()[-1]
    z = np.log(p / (1 - p)).astype("float32")
    (curve,) = entry_of(history_of(Binary(from_logits=True), [(y, z)]))["curves"]
    assert curve["thresholds"][curve["default"]] == 0.5
    assert_exact(curve, y == 1, expit(z[:, 0].astype(float)), None, z[:, 0] > 0)


def test_points_of_several_classes_are_exact(fifty, fifty_page):
    y, p = fifty[20]
    for curve in Page(fifty_page).data["outputs"][0]["epochs"][20]["curves"]:
        assert len(curve["tps"]) < 130  # thinned
        assert curve["default"] is None
        assert_exact(curve, y == curve["of"], p[:, curve["of"]], None, None)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_points_of_labels_are_exact(weight):
    y, p = label_epochs()[-1]
    cuts = [0.5, 0.3, 0.7]
    entry = entry_of(history_of(Multilabel(threshold=cuts), [(y, p)], weight=weight))
    for of, curve in enumerate(entry["curves"]):
        assert curve["of"] == of
        assert_exact(curve, y[:, of] == 1, p[:, of], weight, p[:, of] > np.float32(cuts[of]))
        assert curve["thresholds"][curve["default"]] == cuts[of]


def test_a_thinned_curve_has_its_ends_its_highest_f1_and_at_most_the_given_points():
    rng = np.random.default_rng(1)
    score = np.sort(rng.random(5000))[::-1]
    positive = rng.random(5000) < score**4
    thresholds = np.append(np.inf, score)
    curve = Curve(thresholds, np.append(0, np.cumsum(positive)), np.append(0, np.cumsum(~positive)))
    indices = thin(curve, 100)
    f1 = 2 * curve.tps / (curve.tps + curve.fps + curve.positives)
    assert 60 < len(indices) <= 100
    assert {0, 5000, int(f1.argmax())} <= set(indices.tolist())
    # Neither axis of the ROC curve, nor the thresholds, has wide gaps.
    for values in (curve.tpr, curve.fpr, np.append(1, score)):
        assert np.abs(np.diff(values[indices])).max() < 0.07


def test_with_very_many_curves_some_epochs_have_none():
    assert CurveBudget(1_500, weighted=False).every == 1
    budget = CurveBudget(6_000, weighted=False, always={7, 11, None})
    assert (budget.every, [index for index in range(12) if budget.includes(index)]) == (4, [0, 4, 7, 8, 11])
    assert "every 4th epoch" in budget.thinned


def page_of_a_hundred(weight=None):
    """Return the page of 100 epochs of 100 classes, of 10,000 rows."""
    rng = np.random.default_rng(0)
    y, noise = rng.integers(0, 100, 10_000), rng.normal(size=(10_000, 100))
    epochs = []
    for shift in (2.0, 2.5, 3.0):
        odds = np.exp(noise + (y[:, None] == np.arange(100)) * shift)
        epochs.append((y, (odds / odds.sum(axis=1, keepdims=True)).astype("float32")))
    few = history_of(Multiclass(class_names=[f"a class {i}" for i in range(100)]), epochs, weight=weight)
    history = ScoreHistory({"f1": True, "auc": True})
    for epoch in range(100):
        values = {name: few[name][epoch % 3] for name in few}
        history.append(epoch, values, {None: few.tally(epoch % 3)})
    # Intervals of a hundred epochs take half a minute, and few bytes.
    for epoch in range(100):
        history._run.memo["interval", epoch, "f1", 0.95] = history._run.memo["interval", epoch, "auc", 0.95] = (
            0.5,
            0.75,
        )
    return report_page(history._run)


@pytest.fixture(scope="module")
def hundred_page():
    return page_of_a_hundred()


def test_a_hundred_weighted_epochs_of_a_hundred_classes_stay_under_two_mebibytes():
    page = page_of_a_hundred(np.random.default_rng(0).uniform(0.5, 2, 10_000))
    assert 1_000_000 < len(page.encode()) < 2**21


def test_a_hundred_epochs_of_a_hundred_classes_stay_under_two_mebibytes(hundred_page):
    assert 1_000_000 < len(hundred_page.encode()) < 2**21


def test_of_many_classes_some_epochs_have_a_matrix_and_the_lines_of_classes(hundred_page):
    data = Page(hundred_page).data
    entries = data["outputs"][0]["epochs"]
    kept = {key: [index for index, entry in enumerate(entries) if entry[key]] for key in ("matrix", "report", "curves")}
    assert kept["report"] == list(range(100))
    assert kept["matrix"] == sorted({*range(0, 100, 6), 2, 99})
    assert kept["curves"] == sorted({*range(0, 100, 7), 2, 99})
    assert all(entry["confused"] and entry["averages"] for entry in entries)
    assert "every 6th epoch, the best and the last have a matrix" in data["without_matrix"]
    assert data["without_report"] == ""


def test_a_matrix_of_more_than_a_hundred_classes_is_left_out():
    y = np.arange(101)
    large = entry_of(history_of(Multiclass(), [(y, np.eye(101, dtype="float32"))], ["f1"]))
    assert large["matrix"] is None
    assert large["part"] == {"of": list(range(20)), "matrix": np.diag([1] * 20 + [81]).tolist()}
    assert entry_of(history_of(Multiclass(), [(y[:100], np.eye(100, dtype="float32"))], ["f1"]))["matrix"] is not None


def test_without_a_ranking_score_the_page_explains_the_missing_curves():
    (output,) = page_of(history_of(Binary(), binary_epochs(), ["f1"])).data["outputs"]
    assert output["curved"] == []
    assert output["no_curves"].startswith("No score of this run ranks the rows")


def test_a_regression_has_scores_only():
    data = page_of(regression()).data
    assert data["outputs"] == []
    assert data["headline"] == "r2"


def test_an_epoch_that_could_not_be_scored_has_no_counts():
    rows = binary_epochs()
    history = history_of(Binary(), rows)
    history.append(3, dict.fromkeys(history, float("nan")), {})
    data = page_of(history).data
    assert data["outputs"][0]["epochs"][3] is None
    assert data["scores"][0]["values"][3] is None


def test_a_loaded_history_gives_the_same_page(tmp_path):
    history = two_outputs()
    history.save(tmp_path / "scores.json")
    assert page_of(ScoreHistory.load(tmp_path / "scores.json")).data == page_of(history).data


@pytest.mark.parametrize(("task", "epochs"), [(Binary(), binary_epochs()), (Multilabel(), label_epochs())])
def test_of_a_file_without_thresholds_no_point_is_marked(task, epochs, tmp_path):
    path = tmp_path / "scores.json"
    history_of(task, epochs).save(path)
    path.write_text(re.sub(r'"threshold": ?(\{[^}]*\}|[\d.]+)', '"threshold": null', path.read_text()))
    curves = entry_of(ScoreHistory.load(path))["curves"]
    assert [curve["default"] for curve in curves] == [None] * len(curves)
    assert curves


def test_save_report_replaces_an_older_page(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("older")
    two_outputs().save_report(str(path), title="Two outputs")
    assert path.read_text(encoding="utf-8") == report_page(two_outputs()._run, "Two outputs")
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_save_report_names_a_path_that_cannot_be_written(tmp_path):
    with pytest.raises(OSError, match=r"missing.+report\.html"):
        regression().save_report(tmp_path / "missing" / "report.html")


def test_save_report_without_epochs_raises():
    with pytest.raises(ValueError, match="no epoch was scored"):
        ScoreHistory().save_report("report.html")


# Areas, thresholds, rows, the best epoch against the last.


@pytest.mark.parametrize("case", ["two classes", "classes", "labels", "an output"])
def test_curves_have_the_recorded_areas_with_their_intervals(case):
    options = {"scoring": ["f1", "auc", "average_precision"]}
    if case == "classes":
        history = history_of(Multiclass(), class_epochs(3), average=None, **options)
    elif case == "labels":
        history = history_of(Multilabel(), label_epochs(), average=None, **options)
    else:
        history = history_of(Binary(), binary_epochs(), output="rain" if case == "an output" else None, **options)
    before = ""
    if case == "an output":
        before, plain = "rain_", history
        history = ScoreHistory({})
        for epoch in plain.epochs:
            values = {f"rain_{name}": plain[name][epoch] for name in ("f1", "auc", "average_precision")}
            history.append(epoch, values, {"rain": plain.tally(epoch, "rain")})
    several = case in ("classes", "labels")
    for index in range(3):
        for curve in entry_of(history, index)["curves"]:
            after = f"_{curve['of']}" if several else ""
            # Of several classes average precision has no value per class.
            for key, name in [("roc", "auc"), ("average", "average_precision")][: 1 if several else 2]:
                own = f"{before}{name}{after}"
                low, high = history.at(index).confidence_interval(own)
                assert curve[key][:2] == [own, history[own][index]]
                assert curve[key][2:] == pytest.approx([low, high])


@pytest.mark.parametrize("case", ["two classes", "classes", "labels", "weights"])
def test_the_calibration_of_each_class_is_that_of_the_epoch(case):
    if case == "classes":
        history = history_of(Multiclass(), class_epochs(3))
    elif case == "labels":
        history = history_of(Multilabel(), label_epochs())
    else:
        history = history_of(Binary(), binary_epochs(), weight=WEIGHT if case == "weights" else None)
    (output,) = page_of(history).data["outputs"]
    for index, entry in enumerate(output["epochs"]):
        for curve in entry["curves"]:
            name, found = output["names"][curve["of"]], curve["calibration"]
            theirs = history.at(index).calibration(name)
            for key in ("brier", "log_loss", "ece"):
                assert found[key] == pytest.approx(getattr(theirs, key), abs=5.001e-5)
            for key, values in (("predicted", theirs.prob_pred), ("observed", theirs.prob_true), ("low", theirs.low)):
                assert np.array(found[key], float) == pytest.approx(values, abs=5.001e-4, nan_ok=True)
            assert found["n"] == pytest.approx(theirs.n.tolist(), rel=1e-3)
            assert found["reason"] == theirs.reason


def test_margins_and_grades_have_no_calibration():
    y, p = binary_epochs()[-1]
    (margins,) = page_of(Metrics(task=Binary(threshold=0.0, from_logits=False)).score(y, p - 0.5)).data["outputs"]
    assert margins["calibrated"] == []
    assert margins["epochs"][0]["curves"][0]["calibration"] is None
    grades = page_of(Metrics(task=Ordinal(labels=[2, 5, 9])).score([2, 5, 9, 9], [2.1, 5.2, 8.9, 2.4]))
    assert grades.data["outputs"][0]["calibrated"] == []
    assert grades.data["outputs"][0]["names"] == ["2", "5", "9"]  # in their order


def test_an_area_that_was_not_recorded_is_not_made_up():
    (curve,) = entry_of(history_of(Binary(), binary_epochs(), ["f1", "average_precision"]))["curves"]
    assert curve["roc"] is None
    assert curve["average"] is not None


def test_a_chosen_threshold_is_a_point_of_the_curve():
    y, p = binary_epochs(rows=3000)[-1]
    scores = Metrics(task=Binary(threshold="f1")).score(y, p)
    (curve,) = page_of(scores).data["outputs"][0]["epochs"][0]["curves"]
    chosen = scores["threshold"]
    assert curve["chosen_at"] == float(f"{chosen:.7g}")
    above = curve["thresholds"][curve["chosen"]]
    assert above > chosen
    assert curve["tps"][curve["chosen"]] <= np.count_nonzero(y[p[:, 0] > chosen])
    plain = entry_of(history_of(Binary(), binary_epochs()))["curves"][0]
    assert (plain["chosen"], plain["chosen_at"]) == (None, None)


def test_the_rows_of_the_last_epoch_are_counted():
    y, p = class_epochs(30)[-1]
    (rows,) = page_of(history_of(Multiclass(), [(y, p)])).data["rows"]
    counts = np.bincount(y, minlength=30)
    assert (rows["total"], rows["more"], len(rows["classes"])) == (300, 10, 20)
    assert dict(rows["classes"]).items() <= {str(i): n for i, n in enumerate(counts)}.items()
    y, p = label_epochs()[-1]
    (rows,) = page_of(history_of(Multilabel(), [(y, p)])).data["rows"]
    assert rows["classes"] == [[str(label), count] for label, count in enumerate(y.sum(axis=0).tolist())]
    assert rows["total"] == 300
    (weighted,) = page_of(history_of(Binary(), binary_epochs(), weight=WEIGHT)).data["rows"]
    assert weighted["total"] == pytest.approx(WEIGHT.sum())
    assert page_of(regression()).data["rows"] == []
    (columns,) = page_of(Metrics(task="regression").score(np.ones((40, 2)), np.zeros((40, 2)))).data["rows"]
    assert (columns["kind"], columns["total"], columns["unit"], columns["classes"]) == ("regression", 40, "rows", [])


def test_the_page_says_when_it_was_made():
    made = re.search(r"Made on (\d{4}-\d\d-\d\d) by kerascb_metrics", report_page(regression()._run))[1]
    assert abs((datetime.date.fromisoformat(made) - datetime.date.today()).days) <= 1
