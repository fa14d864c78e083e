"""Names of several outputs: score names that collide, and errors that name the output."""

import keras
import pytest

from kerascb_metrics import DataError, Metrics, Multiclass
from tests.support.models import binary_rows, echo_model
from tests.support.two_outputs import (
    LABELS,
    SPARSE,
    VALUES,
    X,
    as_dict,
    fit,
    functional,
    subclassed,
)

COLLIDING = {"x": {"y_f1": "recall"}, "x_y": ["f1"]}


def test_two_outputs_with_one_score_name_raise_in_the_constructor():
    with pytest.raises(ValueError, match=r"'x' and 'x_y' would both write the score 'x_y_f1'"):
        Metrics(COLLIDING)


def test_two_outputs_with_one_score_name_raise_before_training_if_the_model_names_them():
    model = functional(lambda logits, value: {"x": value, "x_y": value})
    metrics = Metrics({"y_f1": "recall", "f1": "f1"}, task="binary", verbose=False)
    with pytest.raises(ValueError, match="would both write the score 'x_y_f1'"):
        fit(model, "mse", {"x": VALUES, "x_y": VALUES}, metrics)
    assert model.optimizer.iterations == 0


def test_class_names_may_make_the_score_names_collide():
    """Known only with the rows: then nothing is recorded under the shared name."""
    model = subclassed(lambda logits, value: {"x": logits, "x_f1": logits})
    names = ["f1_a", "b", "c"]
    metrics = Metrics(
        {"x": ["f1"], "x_f1": {"f1_a": "accuracy"}},
        task={"x": Multiclass(class_names=names), "x_f1": "multiclass"},
        average=None,
        verbose=False,
    )
    with pytest.raises(ValueError, match="two outputs would both write x_f1_f1_a"):
        fit(model, SPARSE(from_logits=True), {"x": LABELS, "x_f1": LABELS}, metrics)


def test_a_renamed_score_does_not_overwrite_another():
    """`auc` is a compiled metric, so our score is renamed, and another score already has the new name."""
    x, y = binary_rows(40)
    model = echo_model(metrics=[keras.metrics.AUC(name="auc")])
    metrics = Metrics({"auc": "auc", "sklearn_auc": "average_precision"}, verbose=False)
    with pytest.raises(ValueError, match="val_sklearn_auc"):
        model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])


def test_scores_for_an_output_without_targets_raise():
    metrics = Metrics({"logits": ["f1"], "value": ["r2"]}, verbose=False)
    with pytest.raises(DataError, match="asks for scores of the output 'value', which has no targets"):
        fit(subclassed(as_dict), {"logits": SPARSE(from_logits=True)}, {"logits": LABELS}, metrics)


IMPOSSIBLE = {"logits": ["f1"], "value": ["r2", "f1"]}


def test_a_score_that_does_not_fit_the_task_names_the_output():
    with pytest.raises(ValueError, match=r"Metrics: output 'value': a regression task has no"):
        Metrics(IMPOSSIBLE, task={"value": "regression", "logits": "multiclass"})


def test_a_score_that_does_not_fit_the_inferred_task_names_the_output():
    loss, y = as_dict(SPARSE(from_logits=True), "mse"), as_dict(LABELS, VALUES)
    with pytest.raises(ValueError, match=r"Metrics: output 'value': a regression task has no"):
        fit(functional(as_dict), loss, y, Metrics(IMPOSSIBLE))


def test_an_error_while_reading_names_the_output():
    y = LABELS.copy()
    y[0] = 7
    with pytest.raises(DataError, match=r"Metrics: output 'logits': the model has 3 classes"):
        Metrics().evaluate(functional(as_dict), (X, {"logits": y}))
