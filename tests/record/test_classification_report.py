"""The classification report from counts equals scikit-learn's from the rows: text and dict, with integer supports."""

import numpy as np
import pytest
from sklearn.metrics import classification_report

from kerascb_metrics import Binary, Metrics, Multiclass, Multilabel, ScoreHistory
from kerascb_metrics.show.report.data import _report
from tests.support.arrays import assessed
from tests.support.models import binary_rows, echo_model

RNG = np.random.default_rng(11)
Y3, P3 = RNG.integers(0, 3, 200), RNG.dirichlet(np.ones(3), 200)
YL, PL = RNG.integers(0, 2, (200, 3)), RNG.random((200, 3))
WEIGHT = RNG.uniform(0.5, 2, 200)
NAMES = ["cat", "a dog with a long name", "eel"]


def report_of(task, y_true, y_pred, weight=None, **options):
    tally = assessed(task, y_true, y_pred, ["f1"], sample_weight=weight).records[None]
    history = ScoreHistory()
    history.append(4, {"f1": 0.5}, {None: tally})
    return history.report(4, **options)


def test_text_report_of_a_multiclass_task():
    ours = report_of(Multiclass(class_names=NAMES), Y3, P3)
    assert ours == classification_report(Y3, P3.argmax(1), target_names=NAMES)


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_dict_report_of_a_multiclass_task(weight):
    ours = report_of(Multiclass(), Y3, P3, weight, output_dict=True)
    theirs = classification_report(Y3, P3.argmax(1), sample_weight=weight, output_dict=True)
    assert ours.pop("accuracy") == pytest.approx(theirs.pop("accuracy"), abs=1e-12)
    for row in theirs:
        assert ours[row] == pytest.approx(theirs[row], abs=1e-9)
    if weight is None:
        assert all(isinstance(row["support"], int) for row in ours.values())


def test_binary_task_with_a_missing_class():
    ours = report_of(Binary(), np.ones(20, int), np.full(20, 0.9))
    theirs = classification_report(np.ones(20, int), np.ones(20, int), labels=[0, 1], zero_division=0.0)
    assert ours == theirs


def test_multilabel_report_has_everything_but_the_samples_average():
    ours = report_of(Multilabel(), YL, PL, output_dict=True)
    theirs = classification_report(YL, (PL > 0.5).astype(int), output_dict=True, zero_division=0.0)
    assert ours == {name: pytest.approx(row, abs=1e-12) for name, row in theirs.items() if name != "samples avg"}
    assert "samples avg" not in report_of(Multilabel(), YL, PL)


AVERAGES = ["accuracy", "macro avg", "weighted avg"]
OF_LABELS = ["samples avg", "micro avg", "x"]


@pytest.mark.parametrize(
    ("task", "names", "y", "p", "replaced"),
    [
        (Multiclass, AVERAGES, Y3, P3, "accuracy"),
        (Multiclass, OF_LABELS, Y3, P3, None),
        (Multilabel, OF_LABELS, YL, PL, "samples avg"),
        (Multilabel, ["a", "accuracy", "x"], YL, PL, None),
        (Multilabel, ["a", "macro avg", "x"], YL, PL, "macro avg"),
    ],
)
def test_class_with_the_name_of_an_average(task, names, y, p, replaced):
    """The text has all of them; scikit-learn's dict would lose one."""
    rows = [line.split("  ")[-4:] for line in report_of(task(class_names=["p", "q", "r"]), y, p).splitlines()[2:]]
    ours = report_of(task(class_names=names), y, p)
    assert [line.split("  ")[-4:] for line in ours.splitlines()[2:]] == rows
    if replaced is None:
        assert set(names) <= set(report_of(task(class_names=names), y, p, output_dict=True))
    else:
        with pytest.raises(ValueError, match=f"entry '{replaced}' for the average, and a class has the same name"):
            report_of(task(class_names=names), y, p, output_dict=True)


def test_report_page_has_one_row_per_class_whatever_its_name():
    plain, named = (
        assessed(Multiclass(class_names=names), Y3, P3, ["f1"]).records[None] for names in (["p", "q", "r"], AVERAGES)
    )
    ours = _report(named, with_classes=True)
    assert len(ours["report"]) == 3
    assert [row[0] for row in ours["averages"]] == AVERAGES
    assert ours == _report(plain, with_classes=True)


def test_report_of_each_epoch_of_a_fit():
    x, y = binary_rows(60)
    metrics = Metrics()
    echo_model().fit(x, y, validation_data=(x, y), epochs=2, verbose=0, callbacks=[metrics])
    expected = classification_report(y, (x[:, 0] > 0.5).astype(int))
    assert metrics.history.report() == metrics.history.report(0) == expected
    with pytest.raises(ValueError, match=r"epoch 7 was not scored; the scored epochs are \[0, 1\]"):
        metrics.history.report(7)


def test_regression_has_no_report():
    x, y = binary_rows(60)
    metrics = Metrics("r2")
    echo_model(loss="mse").fit(x, y + x[:, 0], validation_data=(x, y + x[:, 0]), verbose=0, callbacks=[metrics])
    with pytest.raises(ValueError, match="no classification report: its task is a regression"):
        metrics.history.report()
