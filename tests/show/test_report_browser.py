"""The HTML page in headless Chromium without network: it works by keyboard, and its numbers are scikit-learn's.

Skipped without Selenium, Chromium or chromedriver; with KERASCB_METRICS_BROWSER=required the tests fail instead.
"""

import re

import numpy as np
import pytest
from sklearn.metrics import (
    classification_report,
    confusion_matrix,
    f1_score,
    multilabel_confusion_matrix,
    precision_score,
    recall_score,
)

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel
from tests.support.page_histories import (
    HOSTILE_NAMES,
    binary_epochs,
    class_epochs,
    fit_of,
    history_of,
    label_epochs,
    regression,
    regressions,
    two_outputs,
)
from tests.support.screen import Screen, start_chromium

NAMES = ["cat", "dog", "eel"]


@pytest.fixture(scope="module")
def driver():
    driver = start_chromium()
    yield driver
    driver.quit()


@pytest.fixture
def screen(driver, tmp_path):
    screen = Screen(driver, tmp_path)
    screen.messages()
    yield screen
    assert screen.messages() == []


def assert_report(screen, y_true, y_pred, names):
    theirs = classification_report(y_true, y_pred, target_names=names, output_dict=True, zero_division=0.0)
    ours = screen.table("report")
    assert list(ours) == list(theirs)
    for name in names:
        assert [float(cell) for cell in ours[name]] == pytest.approx(list(theirs[name].values()), abs=5.001e-5)
    assert float(ours["accuracy"][2]) == pytest.approx(theirs["accuracy"], abs=5.001e-5)


def assert_counts_at(screen, positive, predicted):
    (tn, fp), (fn, tp) = confusion_matrix(positive, predicted, labels=[False, True])
    assert [screen.number(cell) for cell in ("tp", "fp", "fn", "tn")] == [tp, fp, fn, tn]
    scores = [score(positive, predicted, zero_division=0.0) for score in (precision_score, recall_score, f1_score)]
    assert [screen.number(name) for name in ("precision", "recall", "f1")] == pytest.approx(scores, abs=5.001e-5)


def shown_threshold(screen):
    sign, value = re.search(r"(≥|>) ([\d.e-]+)", screen.text("threshold-shown")).groups()
    exact = float(screen.text("threshold-exact"))
    assert float(value) == float(f"{exact:.4g}")
    return sign, np.float32(exact)


def test_keys_change_the_epoch_and_matrix_and_report_are_scikit_learns(screen):
    epochs = class_epochs(3, epochs=5)
    screen.open(history_of(Multiclass(class_names=NAMES), epochs))
    for keys, index in [
        ((), 4),
        (["ARROW_LEFT"], 3),
        (["ARROW_DOWN"], 2),
        (["HOME"], 0),
        (["ARROW_RIGHT"], 1),
        (["END"], 4),
    ]:
        screen.keys("epoch", *keys)
        y, p = epochs[index]
        assert screen.text("epoch-shown").startswith(f"{index} (f1 ")
        assert screen.matrix() == confusion_matrix(y, p.argmax(1)).tolist()
        assert_report(screen, y, p.argmax(1), NAMES)


def test_keys_change_counts_to_shares(screen):
    y, p = class_epochs(3)[-1]
    screen.open(history_of(Multiclass(class_names=NAMES), class_epochs(3)))
    screen.run("document.querySelector('input[value=counts]').id = 'counts'")
    screen.keys("counts", "ARROW_RIGHT")
    shares = confusion_matrix(y, p.argmax(1), normalize="true")
    np.testing.assert_allclose(screen.matrix(), shares, atol=5.001e-4)


def test_best_and_last(screen):
    history = history_of(Multiclass(class_names=NAMES), class_epochs(3, epochs=4)[::-1])
    screen.open(history)
    best, value = history.best("f1")
    screen.keys("to-best", "ENTER")
    assert screen.text("epoch-shown") == f"{best} (f1 {value:.4f}, the best)"
    screen.keys("to-last", "SPACE")
    assert screen.text("epoch-shown").startswith("3 (f1 ")
    assert len(screen.run("return document.querySelectorAll('.star')")) == 2  # f1 and auc
    assert f"f1: best {value:.4f} in epoch {best}" in screen.text("summary")


def test_the_page_opens_at_the_best_epoch_with_its_areas_and_rows(screen):
    history = history_of(Binary(class_names=["dry", "wet"]), binary_epochs()[::-1])
    screen.open(history)
    best, value = history.best("f1")
    assert best == 0
    assert screen.text("epoch-shown") == f"{best} (f1 {value:.4f}, the best)"
    low, high = history.at(best).confidence_interval("auc")
    caption = screen.run("return document.querySelector('#curve-charts figcaption').textContent")
    assert caption == f"ROC of wet auc {history['auc'][best]:.4f}, 95 % interval {low:.4f} to {high:.4f}"
    y = binary_epochs()[0][0]
    assert screen.text("rows") == f"300 rows in the last epoch, binary. dry: {(y == 0).sum()}, wet: {(y == 1).sum()}"


def test_a_chosen_threshold_is_where_the_slider_begins(screen):
    y, p = binary_epochs()[-1]
    metrics = Metrics(task=Binary(threshold="f1"))
    scores = metrics.score(y, p)
    screen.open(scores)
    chosen = scores["threshold"]
    assert screen.text("threshold-shown") == f"probability > {chosen:.4g} (chosen)"
    assert float(screen.text("threshold-exact")) == float(f"{chosen:.7g}")
    assert_counts_at(screen, y == 1, p[:, 0] > chosen)
    assert screen.visible("chosen-note")
    assert not screen.visible("to-default")
    screen.keys("threshold", "ARROW_RIGHT")
    assert screen.text("threshold-shown").startswith("probability ≥ ")
    screen.keys("to-chosen", "ENTER")
    assert_counts_at(screen, y == 1, p[:, 0] > chosen)


def point_at(screen, selector, right, down, kind="pointermove"):
    """Move the pointer to a place in a chart, as shares of its size, and return what it shows there."""
    script = """const chart = document.querySelector(arguments[0]), box = chart.getBoundingClientRect();
        const [clientX, clientY] = [box.left + arguments[1] * box.width, box.top + arguments[2] * box.height];
        chart.dispatchEvent(new PointerEvent(arguments[3], { clientX, clientY, bubbles: true }));
        return chart.querySelector('.under').textContent"""
    return screen.run(script, selector, right, down, kind)


def test_values_are_shown_under_the_pointer_and_a_click_selects_them(screen):
    y, p = binary_epochs()[0]
    history = history_of(Binary(), [(y, p), *binary_epochs()[1:]])
    screen.open(history)
    assert point_at(screen, "#score-panels svg", 0.2, 0.9) == f"epoch 0: {history['f1'][0]:.4f}"
    point_at(screen, "#score-panels svg", 0.2, 0.9, "click")
    assert screen.text("epoch-shown").startswith("0 (f1 ")
    shown = re.fullmatch(r"≥ ([\d.]+): ([\d.]+), ([\d.]+)", point_at(screen, "#curve-charts svg", 0.4, 0.4))
    point_at(screen, "#curve-charts svg", 0.4, 0.4, "click")
    cut = shown_threshold(screen)[1]
    assert float(shown[1]) == float(f"{cut:.4g}")
    rates = [np.mean(p[y == 0] >= cut), np.mean(p[y == 1] >= cut)]
    assert [float(shown[2]), float(shown[3])] == pytest.approx(rates, abs=5.001e-4)
    assert_counts_at(screen, y == 1, p[:, 0] >= cut)


def test_any_two_epochs_are_compared(screen):
    history = fit_of(binary_epochs(4)[::-1])
    best = history.best("f1")[0]
    screen.open(history)
    assert best == 0
    assert screen.text("compared") == screen.text("compared-text") == str(history.compare("best", "last", "f1"))
    screen.keys("epoch", "ARROW_RIGHT")
    assert screen.text("compared-text") == str(history.compare("best", 1, "f1"))
    screen.keys("other", "END", "ARROW_UP")
    assert screen.text("compared-text") == str(history.compare(2, 1, "f1"))
    screen.keys("epoch", "ARROW_RIGHT")
    assert screen.text("compared-text") == "This is the selected epoch. Choose another one."
    screen.keys("epoch", "END")
    assert screen.text("compared-text") == str(history.compare(3, 2, "f1"))
    screen.open(history_of(Binary(), binary_epochs()))  # its labels are not kept
    assert not screen.visible("comparison")


def test_epochs_that_are_not_compared_are_named(screen, monkeypatch):
    history = fit_of(binary_epochs(6)[::-1])
    monkeypatch.setattr("kerascb_metrics.show.report.comparisons._MOST_ROWS", 0)
    screen.open(history)
    screen.keys("epoch", "END", "ARROW_LEFT")
    assert screen.text("compared-text").endswith('history.compare(4, "best", "f1") does it.')


def test_the_groups_of_the_selected_epoch_are_a_table_that_is_sorted_by_a_click(screen):
    epochs, of = binary_epochs(3), np.array(["Bern", "Graz", "Ulm"])[np.arange(300) % 3]
    history = fit_of(epochs, slices={"site": of})
    screen.open(history)
    for keys, index in [((), 2), (["HOME"], 0)]:
        screen.keys("epoch", *keys)
        y, p = epochs[index]
        found = history.at(index).by_group(of, "f1")
        shown = screen.table("slice-tables")
        for group, (samples, f1, interval, _) in shown.items():
            rows = of == group
            assert int(samples) == rows.sum()
            theirs = f1_score(y[rows], p[rows, 0] > 0.5)
            assert float(f1.strip("▾ worst")) == pytest.approx(theirs, abs=5.001e-5)
            assert ("worst" in f1) == (theirs == found.group_min)
            low, high = found.confidence_interval[group]
            assert interval == f"{low:.4f} to {high:.4f}"
        assert f"f1: {found.summary}." in screen.text("slice-tables")
    button = "#slice-tables th:nth-child(3) button"
    screen.run("document.querySelector(arguments[0]).click()", button)
    assert list(screen.table("slice-tables")) == sorted(dict(found), key=found.__getitem__)
    screen.keys("epoch", "END")
    assert list(screen.table("slice-tables")) == sorted(of[:3], key=history.at(2).by_group(of, "f1").__getitem__)


def test_the_calibration_of_the_selected_class_is_shown(screen):
    history = history_of(Multiclass(class_names=NAMES), class_epochs(3))
    screen.open(history)
    screen.keys("class", "ARROW_DOWN")
    theirs = history.at("best").calibration("dog")
    shown = screen.text("calibration-facts").split("\n")
    expected = {"Brier score": theirs.brier, "log loss": theirs.log_loss, "calibration error (ECE)": theirs.ece}
    for name, value in expected.items():
        assert float(shown[shown.index(name) + 1]) == pytest.approx(value, abs=5.001e-5)
    assert "Calibration of dog" in screen.text("calibration-chart")
    assert len(screen.run("return document.querySelectorAll('#calibration-chart .dot')")) == len(theirs.n)
    cells = screen.run("return [...document.querySelectorAll('#bins tbody tr')].map(r => r.cells[2].textContent)")
    assert [float(cell) for cell in cells] == theirs.n.tolist()


def test_of_fifty_classes_the_most_confused_are_shown_and_keys_show_all(screen):
    y, p = class_epochs(50, epochs=1, rows=4000)[-1]
    screen.open(history_of(Multiclass(class_names=[f"class {i}" for i in range(50)]), [(y, p)]))
    theirs = confusion_matrix(y, p.argmax(1))
    both = np.triu(theirs + theirs.T, 1)
    first = np.unravel_index(both.argmax(), both.shape)
    shown, names = np.array(screen.matrix()), list(screen.table("matrix"))
    assert names[:2] == [f"class {i}" for i in first]
    assert names[20:] == ["30 other classes"]
    own = [int(name.removeprefix("class ")) for name in names[:20]]
    np.testing.assert_array_equal(shown[:20, :20], theirs[np.ix_(own, own)])
    np.testing.assert_array_equal(shown[:20].sum(axis=1), theirs[own].sum(axis=1))
    np.testing.assert_array_equal(shown.sum(axis=0)[:20], theirs.sum(axis=0)[own])
    screen.keys("zoom", "ARROW_UP")
    own = [int(name.removeprefix("class ")) for name in screen.table("matrix")]
    np.testing.assert_array_equal(screen.matrix(), theirs[np.ix_(own, own)])
    screen.keys("zoom", "ARROW_UP")
    np.testing.assert_array_equal(screen.matrix(), theirs)
    screen.keys("zoom", "END")
    assert len(screen.matrix()) == 11


def test_a_thousand_classes_have_the_matrix_of_the_most_confused(screen):
    rng = np.random.default_rng(0)
    y, guessed = rng.integers(0, 1000, (2, 3000))
    screen.open(history_of(Multiclass(), [(y, np.eye(1000, dtype="float32")[guessed])], ["f1"]))
    assert list(screen.table("matrix"))[20:] == ["980 other classes"]
    assert np.sum(screen.matrix()) == 3000
    assert not screen.visible("zoom-control")
    assert len(screen.table("report")) == 1003


def test_the_lines_of_labels_are_sorted_by_a_click_and_stay_sorted(screen):
    history = history_of(Multilabel(class_names=NAMES, threshold=[0.5, 0.3, 0.7]), label_epochs())
    screen.open(history)
    assert list(screen.table("report"))[:3] == NAMES
    for column, name in enumerate(("precision", "recall", "F1", "support"), start=1):
        screen.run("document.querySelectorAll('#report .sort')[arguments[0]].focus()", column)
        for keys, falling in ((["ENTER"], False), (["SPACE"], True)):
            screen.press(*keys)
            rows = screen.table("report")
            values = [float(cells[column - 1]) for cells in list(rows.values())[:3]]
            assert values == sorted(values, reverse=falling), name
            assert list(rows)[3:] == ["micro avg", "macro avg", "weighted avg"]
    screen.keys("epoch", "HOME")
    sort = screen.run("return [...document.querySelectorAll('#report th[aria-sort]')].map(th => th.ariaSort)")
    assert sort[:5] == ["none", "none", "none", "none", "descending"]
    supports = [float(cells[3]) for cells in list(screen.table("report").values())[:3]]
    assert supports == sorted(supports, reverse=True)


def test_keys_change_the_threshold_and_counts_are_scikit_learns(screen):
    y, p = binary_epochs(rows=2000)[-1]
    screen.open(history_of(Binary(), [(y, p)]))
    assert screen.text("threshold-shown") == "probability > 0.5 (default)"
    assert_counts_at(screen, y == 1, p[:, 0] > 0.5)
    assert_report(screen, y, (p[:, 0] > 0.5).astype(int), ["0", "1"])
    before = 0.5
    for keys in (["ARROW_RIGHT"], ["ARROW_RIGHT"] * 3, ["PAGE_UP"], ["ARROW_UP"]):
        screen.keys("threshold", *keys)
        sign, threshold = shown_threshold(screen)
        assert sign == "≥"
        assert threshold > before
        assert_counts_at(screen, y == 1, p[:, 0] >= threshold)
        before = threshold
    screen.keys("threshold", "HOME")
    assert shown_threshold(screen)[1] == p.min()
    assert_counts_at(screen, y == 1, np.ones(len(y), bool))
    screen.keys("threshold", "END")
    assert "nothing is predicted" in screen.text("threshold-shown")
    assert_counts_at(screen, y == 1, np.zeros(len(y), bool))
    screen.keys("to-default", "ENTER")
    assert_counts_at(screen, y == 1, p[:, 0] > 0.5)


def test_the_matrix_follows_the_threshold(screen):
    y, p = binary_epochs()[-1]
    screen.open(history_of(Binary(pos_label=0), [(y, p)]))
    assert screen.matrix() == confusion_matrix(y, p[:, 0] > 0.5).tolist()
    assert not screen.visible("matrix-note")
    screen.keys("threshold", *["ARROW_RIGHT"] * 9)
    cut = float(screen.text("threshold-exact"))
    assert screen.matrix() == confusion_matrix(y, 1 - p[:, 0].astype(float) < cut).tolist()
    assert screen.text("matrix-note").startswith("Counted at the threshold of the slider")
    screen.keys("to-default", "ENTER")
    assert screen.matrix() == confusion_matrix(y, p[:, 0] > 0.5).tolist()


def test_the_row_of_a_label_follows_its_threshold(screen):
    y, p = label_epochs()[-1]
    screen.open(history_of(Multilabel(class_names=NAMES), label_epochs()))
    screen.keys("class", "ARROW_DOWN")
    screen.keys("threshold", *["ARROW_LEFT"] * 9)
    predicted = p > 0.5
    predicted[:, 1] = p[:, 1] >= shown_threshold(screen)[1]
    assert screen.matrix() == multilabel_confusion_matrix(y, predicted.astype(int)).reshape(3, 4).tolist()


def test_the_threshold_of_the_highest_f1_is_kept_for_the_next_epoch(screen):
    epochs = binary_epochs(rows=250)  # fewer rows than points: the curve is complete
    screen.open(history_of(Binary(), epochs))
    screen.keys("to-last", "ENTER")
    screen.keys("to-f1", "ENTER")
    y, p = epochs[-1]
    highest = max(f1_score(y, p[:, 0] >= threshold) for threshold in np.unique(p))
    assert screen.number("f1") == pytest.approx(highest, abs=5.001e-5)
    threshold = shown_threshold(screen)[1]
    screen.keys("epoch", "HOME")
    y, p = epochs[0]
    assert shown_threshold(screen)[1] == p[p >= threshold].min()
    assert_counts_at(screen, y == 1, p[:, 0] >= threshold)


def test_keys_select_the_class_and_counts_are_scikit_learns(screen):
    y, p = class_epochs(3)[-1]
    screen.open(history_of(Multiclass(class_names=NAMES), class_epochs(3)))
    screen.keys("class", "ARROW_DOWN", "ARROW_DOWN")
    assert "ROC of eel" in screen.text("curve-charts")
    for keys in (["ARROW_LEFT"], ["PAGE_DOWN"]):
        screen.keys("threshold", *keys)
        assert_counts_at(screen, y == 2, p[:, 2] >= shown_threshold(screen)[1])


def test_equal_thresholds_do_not_stop_the_slider(screen):
    y = np.arange(12) % 2
    z = np.linspace(-50, 50, 12, dtype="float32")[:, None]  # as probabilities, many are 1
    screen.open(history_of(Binary(from_logits=True), [(y, z)]))
    screen.keys("threshold", "HOME")
    for step in range(1, 13):
        screen.keys("threshold", "ARROW_RIGHT")
        assert screen.number("tp") + screen.number("fp") == 12 - step


def test_each_label_has_a_table_and_a_threshold(screen):
    y, p = label_epochs()[-1]
    screen.open(history_of(Multilabel(class_names=NAMES, threshold=[0.5, 0.3, 0.7]), label_epochs()))
    predicted = p > np.float32([0.5, 0.3, 0.7])
    assert screen.matrix() == multilabel_confusion_matrix(y, predicted.astype(int)).reshape(3, 4).tolist()
    screen.keys("class", "ARROW_DOWN")
    assert screen.text("threshold-shown") == "probability > 0.3 (default)"
    assert_counts_at(screen, y[:, 1] == 1, predicted[:, 1])


def test_keys_select_the_output(screen):
    screen.open(two_outputs())
    assert len(screen.table("matrix")) == 3
    screen.keys("output", "ARROW_DOWN")
    y, p = binary_epochs()[-1]
    assert screen.matrix() == confusion_matrix(y, p[:, 0] > 0.5).tolist()
    assert_counts_at(screen, y == 1, p[:, 0] > 0.5)
    assert_report(screen, y, (p[:, 0] > 0.5).astype(int), ["dry", "wet"])


def test_hostile_names_stay_text(screen):
    history = history_of(Multiclass(class_names=HOSTILE_NAMES), class_epochs(3))
    history.settings[HOSTILE_NAMES[0]] = HOSTILE_NAMES[1]
    screen.open(history)
    assert screen.run("return window.hacked === undefined && document.querySelectorAll('img').length === 0")
    assert HOSTILE_NAMES[1] in screen.text("settings-list")
    names = screen.run("return [...document.querySelectorAll('#class option')].map(option => option.textContent)")
    assert names == HOSTILE_NAMES
    screen.keys("class", "ARROW_DOWN")
    assert f"ROC of {HOSTILE_NAMES[1]}" in screen.text("curve-charts")


def test_the_policy_blocks_foreign_content_and_the_console_reports_it(screen):
    screen.open(regression())
    screen.run("const image = new Image(); image.src = 'https://example.org/x.png'; document.body.append(image)")
    screen.run("setTimeout(() => { document.body.innerHTML = '<p>'; })")
    screen.driver.execute_async_script("setTimeout(arguments[0], 100)")
    reported = " ".join(screen.messages())
    assert "Content Security Policy" in reported
    assert "TrustedHTML" in reported


def test_a_regression_shows_only_scores_with_a_gap(screen):
    screen.open(regression())
    (line,) = screen.run(
        "return [...document.querySelectorAll('#score-panels path.line')].map(p => p.getAttribute('d'))"
    )
    assert line.count("M") == 2
    assert "no counts of classes" in screen.text("no-counts")
    assert screen.text("confusion-title").startswith("Predictions")
    assert not any(map(screen.visible, ("confusion", "thresholds", "calibrations", "reports", "logs", "rows-section")))


def test_predictions_and_residuals_of_a_regression(screen):
    history, rows = regressions()
    screen.open(history)
    assert not any(map(screen.visible, ("errors", "thresholds", "calibrations", "reports")))
    for keys, index in [((), 2), (["HOME"], 0)]:
        screen.keys("epoch", *keys)
        assert screen.text("residuals-title") == f"Predictions and residuals · epoch {index}"
        y, p = rows[index]
        residuals = (y.astype("float32") - p).ravel()
        facts = screen.run(
            "return [...document.querySelectorAll('#residual-facts dd')].map(d => Number(d.textContent))"
        )
        quantiles = np.quantile(residuals, [0.05, 0.5, 0.95])
        np.testing.assert_allclose(facts, [residuals.mean(), residuals.std(), *quantiles], rtol=1e-3)
        assert len(screen.run("return document.querySelectorAll('#residual-charts circle.point')")) == 600
        assert screen.text("residuals-note").startswith("All 300 rows. ")
        assert_points(screen, y.ravel(), p.ravel())
    labels = screen.run("return [...document.querySelectorAll('#residual-charts svg')].map(s => s.ariaLabel)")
    assert [label.partition(".")[0] for label in labels] == ["Predicted and true: 300 points", "Residuals: 300 points"]


def assert_points(screen, y, p):
    """The pointer shows the values of a row, and the points lie on straight scales."""
    places = screen.run(
        "return [...document.querySelectorAll('#residual-charts svg')].map(s => "
        "[...s.querySelectorAll('circle.point')].map(c => [c.cx.baseVal.value, c.cy.baseVal.value]))"
    )
    for place, (across, up) in zip(places, ((y, p), (p, y - p)), strict=True):
        assert np.corrcoef(np.array(place)[:, 0], across)[0, 1] > 0.99999
        assert np.corrcoef(np.array(place)[:, 1], up)[0, 1] < -0.99999
    screen.run(
        "const point = document.querySelector('#residual-charts circle.point'); point.scrollIntoView();"
        "const box = point.getBoundingClientRect(); const at = {clientX: box.x + box.width / 2, "
        "clientY: box.y + box.height / 2}; point.closest('svg').dispatchEvent(new PointerEvent('pointermove', at))"
    )
    text = screen.run("return document.querySelector('#residual-charts .under text').textContent")
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", text)]
    assert np.abs(np.column_stack([y, p]) - numbers).max(axis=1).min() < 0.06


def test_columns_and_outputs_of_a_regression_are_chosen_by_keyboard(screen):
    screen.open(regressions(HOSTILE_NAMES, columns=6, rows=30, weight=np.full(30, 0.5))[0])
    assert screen.run("return window.hacked") is None
    assert HOSTILE_NAMES[0] in screen.text("residuals-title")
    assert screen.text("residuals-note").startswith(
        "All 30 rows. Points and numbers are without the sample weights. The first 4 of 6 columns are kept."
    )
    before = screen.text("residual-facts")
    screen.keys("residual-column", "ARROW_DOWN")
    assert "Residuals, column 1" in screen.text("residual-charts")
    assert screen.text("residual-facts") != before
    screen.keys("residual-output", "END")
    assert HOSTILE_NAMES[2].replace("\u2028", "") in screen.text("residuals-title").replace("\u2028", "")
    screen.keys("residual-column", "END")
    assert "Residuals, column 3" in screen.text("residual-charts")


def test_an_epoch_of_a_regression_without_points_is_explained(screen):
    history, _ = regressions()
    history.append(3, {"r2": float("nan")}, {None: None})
    screen.open(history)
    screen.keys("epoch", "END")
    assert screen.text("no-points") == "Epoch 3 has no points: its rows could not be scored."
    assert not screen.visible("points")
    screen.keys("epoch", "HOME")
    assert not screen.visible("no-points")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_constant_and_huge_predictions_fit_the_page(screen, theme, width):
    scores = Metrics(task="regression").score([3.0e9, 1.0, -2.5e9], [7.0, 7.0, 7.0])
    screen.open(scores, theme, width)
    assert screen.run("return document.documentElement.scrollWidth <= innerWidth")
    assert screen.text("residuals-title") == "Predictions and residuals"
    assert screen.run(
        "return [...document.querySelectorAll('#residual-charts text')].every(t => t.textContent !== 'NaN')"
    )


def test_missing_counts_and_curves_are_explained(screen):
    history = history_of(Binary(), binary_epochs(), ["f1"])
    history.append(3, {"f1": float("nan")}, {})
    screen.open(history)
    screen.keys("epoch", "END")
    assert "Epoch 3 has no counts" in screen.text("no-counts")
    assert "Epoch 3 has no counts" in screen.text("no-curve")
    screen.keys("epoch", "ARROW_LEFT")
    assert not screen.visible("no-counts")
    assert screen.text("no-curve").startswith("No score of this run ranks the rows")


def test_an_epoch_without_rows_of_a_class_is_explained(screen):
    y, p = class_epochs(3)[-1]
    without = (np.where(y == 0, 1, y), p)
    screen.open(history_of(Multiclass(class_names=NAMES), [(y, p), without]))
    screen.keys("epoch", "END")
    screen.keys("class", "HOME")
    screen.keys("epoch", "END")
    assert "no curve of cat" in screen.text("no-curve")
    screen.keys("epoch", "HOME")
    assert_counts_at(screen, y == 0, p[:, 0] >= shown_threshold(screen)[1])


def test_all_controls_are_reached_by_tab_and_show_their_focus(screen):
    screen.open(two_outputs())
    reached = []
    while len(reached) < 30:
        reached.append(screen.press("TAB"))
        if screen.run("return document.activeElement === document.body"):
            break
        assert screen.run("return getComputedStyle(document.activeElement).outline").endswith("solid 3px"), reached
    order = ["output", "epoch", "to-best", "to-last", "matrix", "class", "threshold", "to-f1", "report"]
    assert [name for name in reached if name in order] == order
    unlabelled = """return [...document.querySelectorAll('input, select')].filter(one => !one.labels.length).length"""
    assert screen.run(unlabelled) == 0
    assert screen.run("return document.getElementById('threshold').getAttribute('aria-valuetext')").startswith(
        "probability ≥"
    )


def _luminance(colour):
    parts = np.array([float(part) for part in re.findall(r"[\d.]+", colour)][:3])
    parts = parts if colour.startswith("color(") else parts / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrasts(screen, selector):
    script = """return [...document.querySelectorAll(arguments[0])].map(cell => {
        const style = getComputedStyle(cell); return [style.color, style.backgroundColor] })"""
    pairs = [sorted(map(_luminance, pair)) for pair in screen.run(script, selector)]
    return [(light + 0.05) / (dark + 0.05) for dark, light in pairs]


def every_share():
    """Return a history of 21 classes of 100 rows: in row k of the matrix 5 k rows are wrong."""
    y = np.repeat(np.arange(21), 100)
    p = np.zeros((2100, 21), "float32")
    for true in range(21):
        p[true * 100 : true * 100 + 5 * true, (true + 1) % 21] = 1
        p[true * 100 + 5 * true : true * 100 + 100, true] = 1
    return history_of(Multiclass(), [(y, p)], ["f1", "confusion"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_cell_has_enough_contrast(screen, theme):
    screen.open(every_share(), theme)
    background = screen.run("return getComputedStyle(document.body).backgroundColor")
    assert (_luminance(background) > 0.5) == (theme == "light")
    found = contrasts(screen, "#matrix td")
    assert len(found) == 21**2
    assert min(found) >= 4.5


# Of each text that is seen: its colour, the first colour behind it, and the text.
TEXTS = """
    const behind = (one) => {
        for (let at = one; at; at = at.parentElement) {
            const colour = at instanceof SVGElement ? "none" : getComputedStyle(at).backgroundColor;
            if (colour !== "none" && colour !== "rgba(0, 0, 0, 0)") return colour;
        }
        return getComputedStyle(document.body).backgroundColor;
    };
    const hasText = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const seen = [...document.body.querySelectorAll("*")].filter((one) => one.checkVisibility() && hasText(one));
    return seen.map((one) => [
        getComputedStyle(one)[one instanceof SVGElement ? "fill" : "color"], behind(one), one.textContent])"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("case", ["classes", "labels", "regression"])
def test_every_text_has_enough_contrast(screen, case, theme):
    histories = {
        "classes": lambda: history_of(Multiclass(class_names=NAMES), class_epochs(3)),
        "labels": lambda: history_of(Multilabel(class_names=NAMES), label_epochs()),
        "regression": regression,
    }
    screen.open(histories[case](), theme)
    screen.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
    found = screen.run(TEXTS)
    assert len(found) > 30
    for colour, background, text in found:
        dark, light = sorted(map(_luminance, (colour, background)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, colour, background)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_and_marks_have_enough_contrast_and_nothing_moves(screen, theme):
    screen.open(history_of(Binary(), binary_epochs()), theme)
    panel = _luminance(screen.run("return getComputedStyle(document.querySelector('figure')).backgroundColor"))
    for selector, paint in ((".line", "stroke"), (".line.second", "stroke"), (".here", "stroke"), (".star", "fill")):
        colour = screen.run(
            "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", selector, paint
        )
        dark, light = sorted((_luminance(colour), panel))
        assert (light + 0.05) / (dark + 0.05) >= 3, selector
    # So there is nothing to stop for those who prefer less of it.
    style = screen.run("return document.querySelector('style').textContent")
    assert not re.search("transition|animation|scroll-behavior", style)


def test_a_dark_page_prints_on_white(screen):
    screen.open(every_share(), "dark", media="print")
    assert screen.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert min(contrasts(screen, "#matrix td")) >= 4.5
    assert not screen.visible("to-best")
    assert screen.run("const m = document.getElementById('matrix'); return m.scrollHeight <= m.clientHeight + 1")


@pytest.mark.parametrize("n_classes", [2, 100])
def test_a_narrow_screen_scrolls_only_down_and_text_is_large_enough(screen, n_classes):
    names = [f"a class with a rather long name {i}" for i in range(n_classes)]
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, n_classes, 400), rng.dirichlet(np.ones(n_classes), 400).astype("float32")
    screen.open(history_of(Multiclass(class_names=names), [(y, p)]), width=400)
    assert screen.run("return document.documentElement.scrollWidth") <= 400
    screen.keys("zoom", "HOME")
    assert screen.run("return document.documentElement.scrollWidth") <= 400
    cells = "[...document.querySelectorAll('#matrix th, #matrix td')]"
    sizes = screen.run(f"return {cells}.map(cell => parseFloat(getComputedStyle(cell).fontSize))")
    assert len(sizes) == (n_classes + 1) ** 2
    assert min(sizes) >= 12
    # The text of every cell fits into it.
    assert screen.run(
        "return [...document.querySelectorAll('#matrix td')].every(c => c.scrollWidth <= c.clientWidth + 1)"
    )


@pytest.mark.parametrize("epoch", [None, 1])
def test_a_page_of_one_result_has_no_epochs_to_choose_from(screen, epoch):
    y, p = class_epochs(3)[-1]
    if epoch is None:
        scores = Metrics(task=Multiclass(class_names=NAMES)).score(y, p)
    else:
        scores = history_of(Multiclass(class_names=NAMES), class_epochs(3, epochs=3)[1:]).at(epoch)
    screen.open(scores)
    assert screen.text("summary") == ("Made by Metrics.score." if epoch is None else "Scores of epoch 1.")
    for element in ("controls", "epoch", "to-best", "to-last", "scores-note", "score-table"):
        assert not screen.visible(element), element
    shown = dict(zip(*[iter(screen.text("single-scores").splitlines())] * 2, strict=True))
    assert shown == {name: f"{scores[name]:.4f}" for name in scores if np.ndim(scores[name]) == 0}
    assert screen.matrix() == confusion_matrix(y, p.argmax(1)).tolist()
    assert_report(screen, y, p.argmax(1), NAMES)
    assert screen.text("confusion-title").strip() == "Confusion matrix"
