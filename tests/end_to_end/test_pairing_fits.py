"""Models whose outputs, losses, targets and weights come in every structure: each score is scikit-learn's."""

from collections import OrderedDict

import keras
import numpy as np
import pytest
from keras import layers
from sklearn import metrics as sk

from kerascb_metrics import Binary, DataError, Metrics, Multiclass
from tests.support.models import BACKEND, binary_rows, echo_model
from tests.support.pairing_fits import check

ROWS = 24
RNG = np.random.default_rng(0)
LOGITS = (RNG.normal(size=(ROWS, 3)) * 3).astype("float32")
LABELS = np.where(RNG.random(ROWS) < 0.6, LOGITS.argmax(axis=1), RNG.integers(0, 3, ROWS)).astype("int32")
SHARES = RNG.dirichlet(np.ones(3), ROWS).astype("float32")
VALUES = RNG.normal(size=(ROWS, 1)).astype("float32")
X = np.concatenate([LOGITS, VALUES], axis=1)
SPARSE = keras.losses.SparseCategoricalCrossentropy


def test_forty_fits():
    assert sum(map(check, range(40))) >= 30


@pytest.mark.slow
def test_three_hundred_fits():
    assert sum(map(check, range(40, 340))) >= 240


def subclassed(form):
    class Form(keras.Model):
        def __init__(self):
            super().__init__()
            self.same = layers.Dense(4, use_bias=False, kernel_initializer="identity")

        def call(self, inputs):
            columns = self.same(inputs)
            return form(columns[:, :3], columns[:, 3:])

    return Form()


def functional(form, names=("logits", "value")):
    inputs = keras.Input((4,))
    columns = layers.Dense(4, use_bias=False, kernel_initializer="identity")(inputs)
    cuts = (columns[:, :3], columns[:, 3:])
    return keras.Model(inputs, form(*(layers.Identity(name=name)(cut) for name, cut in zip(names, cuts, strict=True))))


def compiled(model, loss):
    model.compile(keras.optimizers.SGD(0.0), loss, run_eagerly=True)
    return model


def fit(model, loss, y, metrics, x=X, **options):
    model.compile(keras.optimizers.SGD(0.0), loss, run_eagerly=True)
    return model.fit(x, y, batch_size=8, validation_data=(x, y), verbose=0, callbacks=[metrics], **options).history


def as_dict(logits, value):
    return {"logits": logits, "value": value}


def as_tuple(logits, value):
    return logits, value


def softmax_auc(y=LABELS, logits=LOGITS):
    z = np.exp(logits.astype(float))
    return sk.roc_auc_score(y, z / z.sum(axis=1, keepdims=True), multi_class="ovr")


@pytest.mark.parametrize("make", [subclassed, functional])
@pytest.mark.parametrize("form", [as_tuple, as_dict])
@pytest.mark.parametrize("targets", ["one", "all"])
def test_an_output_with_logits_beside_one_without_a_loss(make, form, targets):
    """The loss of the first output says that it is logits and which class is left out, in every structure."""
    y = LABELS.copy()
    y[::5] = -1
    loss = form(SPARSE(from_logits=True, ignore_class=-1), None)
    metrics = Metrics({"logits": None} if form is as_dict else None, verbose=False)
    if form is as_tuple:
        loss = list(loss)
        metrics = Metrics(output="output_1" if make is subclassed else "logits", verbose=False)
    else:
        loss = {"logits": loss["logits"]}
    y_all = {"one": {"logits": y} if form is as_dict else [y], "all": form(y, VALUES)}[targets]
    logs = fit(make(form), loss, y_all, metrics)
    kept = y >= 0
    prefix = "val_output_1" if make is subclassed and form is as_tuple else "val_logits"
    expected = sk.f1_score(y[kept], LOGITS[kept].argmax(axis=1), average="macro")
    assert logs[f"{prefix}_f1"] == [pytest.approx(expected, abs=1e-12)]
    assert logs[f"{prefix}_auc"] == [pytest.approx(softmax_auc(y[kept], LOGITS[kept]), abs=1e-12)]


@pytest.mark.parametrize("loss", [["mse", SPARSE(from_logits=True)], {"b": SPARSE(from_logits=True), "a": "mse"}])
@pytest.mark.parametrize("options", [{"scoring": {"a": ["r2"], "b": None}}, {"output": "b"}])
def test_a_list_of_losses_goes_by_the_flattened_order_of_a_dict_of_outputs(loss, options):
    """Layer names differ from the keys, and come in another order."""
    model = functional(lambda logits, value: {"b": logits, "a": value}, names=("z", "y"))
    logs = fit(model, loss, {"a": VALUES + 1, "b": LABELS}, Metrics(**options, verbose=False))
    assert logs["val_b_f1"] == [pytest.approx(sk.f1_score(LABELS, LOGITS.argmax(axis=1), average="macro"), abs=1e-12)]
    assert logs["val_b_auc"] == [pytest.approx(softmax_auc(), abs=1e-12)]
    assert ("val_a_r2" in logs) == ("scoring" in options)


@pytest.mark.parametrize("make", [subclassed, functional])
def test_output_is_judged_by_its_own_loss(make):
    model = make(lambda logits, value: [value, logits])
    name = "output_2" if make is subclassed else "logits"
    logs = fit(model, ["mse", SPARSE(from_logits=True)], [VALUES, LABELS], Metrics(output=name, verbose=False))
    assert logs[f"val_{name}_auc"] == [pytest.approx(softmax_auc(), abs=1e-12)]


@pytest.mark.parametrize("make", [subclassed, functional])
@pytest.mark.parametrize("y", [LABELS, {"logits": LABELS}], ids=["array", "dict"])
def test_a_dict_of_outputs_and_the_targets_of_one(make, y):
    logs = fit(make(as_dict), {"logits": SPARSE(from_logits=True)}, y, Metrics(verbose=False))
    assert logs["val_logits_auc"] == [pytest.approx(softmax_auc(), abs=1e-12)]


def only_in_a_list(logits, value):
    return [logits]


def only_in_a_dict(logits, value):
    return {"only": logits}


@pytest.mark.parametrize("y", [LABELS, {"only": LABELS}, [LABELS]], ids=["array", "dict", "list"])
@pytest.mark.parametrize(
    ("form", "options"),
    [
        (only_in_a_list, {}),
        (only_in_a_dict, {}),
        (only_in_a_dict, {"output": "only"}),
        (only_in_a_dict, {"scoring": {"only": ["auc"]}, "task": {"only": "multiclass"}}),
    ],
)
def test_one_entry(form, y, options):
    """One output in a dict or a list, in given data: fit() itself does not take all of these."""
    model = subclassed(form)
    model.compile(loss=SPARSE(from_logits=True))
    values = Metrics(**options).evaluate(model, (X, y))
    assert values["auc"] == pytest.approx(softmax_auc(), abs=1e-12)


def test_two_outputs_of_one_layer_have_names_of_their_own():
    inputs = keras.Input((4,))
    shared = layers.Dense(1, activation="sigmoid")
    model = keras.Model(inputs, [shared(inputs), shared(-inputs)])
    y = (VALUES[:, 0] > 0).astype("int32")
    metrics = Metrics(["f1"], verbose=False)
    logs = fit(model, "binary_crossentropy", [y, 1 - y], metrics)
    first, second = (np.ravel(part) > 0.5 for part in model.predict(X, verbose=0))
    assert logs["val_output_1_f1"] == [pytest.approx(sk.f1_score(y, first), abs=1e-12)]
    assert logs["val_output_2_f1"] == [pytest.approx(sk.f1_score(1 - y, second), abs=1e-12)]


class OneOfTwo(keras.Model):
    """A functional model whose own step scores one of its two outputs."""

    def test_step(self, *args):
        data = args[-1]
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x)["logits"]
        return self.compute_metrics(x, y, y_pred, sample_weight)


@pytest.mark.skipif(BACKEND == "jax", reason="on JAX a test_step takes the state: see test_validation_hook")
def test_a_step_that_hands_over_one_of_the_outputs():
    plain = functional(as_dict)
    model = OneOfTwo(plain.inputs, plain.output)
    model.compile(loss={"logits": SPARSE(from_logits=True)}, run_eagerly=True)
    metrics = Metrics(verbose=False)
    run = model.fit(X, {"logits": LABELS}, epochs=1, verbose=0, validation_data=(X, LABELS), callbacks=[metrics])
    assert run.history["val_auc"] == [
        pytest.approx(softmax_auc(logits=model.predict(X, verbose=0)["logits"]), abs=1e-9)
    ]


def test_an_ordered_dict_of_outputs_keeps_its_order():
    """Keras flattens it in its own order, a dict in the order of its keys."""
    model = functional(lambda logits, value: OrderedDict([("z", logits), ("a", value)]), names=("one", "two"))
    metrics = Metrics({"z": ["auc"], "a": ["r2"]}, verbose=False)
    y = OrderedDict([("z", LABELS), ("a", VALUES + 1)])
    values = metrics.evaluate(compiled(model, [SPARSE(from_logits=True), "mse"]), (X, y))
    assert values["z_auc"] == pytest.approx(softmax_auc(), abs=1e-12)
    assert values["a_r2"] == pytest.approx(sk.r2_score(VALUES + 1, VALUES), abs=1e-6)


def test_data_of_its_own_for_some_of_the_outputs():
    """Only outputs with targets are judged: the other one is a regression, which has no panel."""
    metrics = Metrics(validation_data=(X, {"logits": LABELS}), verbose=False)
    model = compiled(functional(as_dict), as_dict(SPARSE(from_logits=True), "mse"))
    logs = model.fit(X, as_dict(LABELS, VALUES), verbose=0, callbacks=[metrics]).history
    assert logs["val_logits_auc"] == [pytest.approx(softmax_auc(), abs=1e-12)]


# Names that collide.


COLLIDING = {"x": {"y_f1": "recall"}, "x_y": ["f1"]}


def test_scores_of_two_outputs_with_one_name_are_refused_in_the_constructor():
    with pytest.raises(ValueError, match=r"'x' and 'x_y' would both write the score 'x_y_f1'"):
        Metrics(COLLIDING)


def test_they_are_refused_before_training_where_the_model_names_the_outputs():
    model = functional(lambda logits, value: {"x": value, "x_y": value})
    metrics = Metrics({"y_f1": "recall", "f1": "f1"}, task="binary", verbose=False)
    trained = []
    with pytest.raises(ValueError, match="would both write the score 'x_y_f1'"):
        fit(model, "mse", {"x": VALUES, "x_y": VALUES}, metrics)
    assert not trained
    assert model.optimizer.iterations == 0


def test_classes_may_make_the_names_collide():
    """Known only with the rows: nothing is recorded under a name of two."""
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


def test_a_renamed_score_overwrites_no_other():
    """`auc` is a compiled metric, so ours is renamed to a name that is asked for as well."""
    x, y = binary_rows(40)
    model = echo_model(metrics=[keras.metrics.AUC(name="auc")])
    metrics = Metrics({"auc": "auc", "sklearn_auc": "average_precision"}, verbose=False)
    with pytest.warns(UserWarning, match="uses the key 'val_auc'"), pytest.raises(ValueError, match="val_sklearn_auc"):
        model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])


# Losses that cannot be read.


class Unreadable(keras.losses.SparseCategoricalCrossentropy):
    """A loss whose options are neither in its configuration nor attributes."""

    def __init__(self):
        super().__init__(from_logits=True)
        vars(self).pop("from_logits", None)  # it has the attribute up to Keras 3.15

    def get_config(self):
        return {"name": self.name}


class WithoutConfig(keras.losses.BinaryCrossentropy):
    def __init__(self):
        super().__init__(from_logits=True)

    def get_config(self):
        raise NotImplementedError


class ConfigOnly(keras.losses.SparseCategoricalCrossentropy):
    """As Keras's losses are from 3.16 on: options in get_config() alone."""

    def __init__(self):
        super().__init__(from_logits=True, ignore_class=-1)
        self.held = {"from_logits": True, "ignore_class": -1}
        for option in self.held:
            vars(self).pop(option, None)

    def get_config(self):
        return self.held


def test_a_loss_that_cannot_be_read_is_an_error_before_training():
    model = functional(as_tuple)
    with pytest.raises(
        DataError, match=r"output 'logits': from_logits.* of the loss Unreadable .*pass task=\{'logits'"
    ):
        fit(model, [Unreadable(), None], [LABELS], Metrics(output="logits", verbose=False))
    assert model.optimizer.iterations == 0


def test_a_loss_that_cannot_be_read_of_a_subclassed_model():
    """The outputs are known with the first rows."""
    metrics = Metrics(output="output_1", verbose=False)
    with pytest.raises(DataError, match=r"output 'output_1': from_logits.* of the loss Unreadable"):
        fit(subclassed(as_tuple), [Unreadable(), None], [LABELS], metrics)


def test_a_task_says_what_the_loss_does_not():
    metrics = Metrics(output="logits", task={"logits": Multiclass(from_logits=True)}, verbose=False)
    logs = fit(functional(as_tuple), [Unreadable(), None], [LABELS], metrics)
    assert logs["val_logits_auc"] == [pytest.approx(softmax_auc(), abs=1e-12)]


def test_options_are_read_from_the_configuration_or_the_attributes():
    y = np.where(np.arange(ROWS) % 5, LABELS, -1)
    logs = fit(subclassed(as_tuple), [ConfigOnly(), None], [y], Metrics(output="output_1", verbose=False))
    kept = y >= 0
    assert logs["val_output_1_auc"] == [pytest.approx(softmax_auc(y[kept], LOGITS[kept]), abs=1e-12)]
    x, y = binary_rows(40, logits=True)
    model = echo_model(loss=WithoutConfig())
    assert Metrics("f1").evaluate(model, (x, y))["f1"] == sk.f1_score(y, x[:, 0] > 0)


@pytest.mark.parametrize("loss", [{"logit": "mse"}, {"logits": "mse", "value": "mse", "more": "mse"}])
@pytest.mark.parametrize("form", [as_dict, as_tuple])
def test_a_loss_that_does_not_fit_the_outputs(form, loss):
    """Keras refuses it when it trains; a model that is only scored must not be read by half of it."""
    model = functional(form)
    model.compile(loss=loss)
    metrics = Metrics({"logits": ["accuracy"], "value": ["r2"]})
    with pytest.raises(DataError, match=r"output 'logits': the compiled loss does not fit the outputs: it has the key"):
        metrics.evaluate(model, (X, form(LABELS, VALUES)))


def test_a_function_with_the_name_of_one_of_keras_is_the_users_own():
    def sparse_categorical_crossentropy(y_true, y_pred):
        return keras.ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)

    with pytest.raises(DataError, match=r"read as probabilities but reach from .*from_logits"):
        fit(functional(as_tuple), [sparse_categorical_crossentropy, None], [LABELS], Metrics(verbose=False))


def mean_of(y_true, y_pred):
    return keras.ops.mean(y_pred, axis=-1)


@pytest.mark.parametrize(
    ("losses", "task", "message"),
    [
        ([keras.losses.BinaryCrossentropy(from_logits=True), mean_of, mean_of], "auto", None),
        (["mse", keras.losses.BinaryCrossentropy(from_logits=True)], "auto", "mean different things"),
        (["mse", keras.losses.BinaryCrossentropy(from_logits=True)], Binary(from_logits=True), None),
        (["binary_crossentropy", keras.losses.BinaryCrossentropy(from_logits=True)], "binary", "mean different things"),
    ],
)
def test_several_losses_of_one_output(losses, task, message):
    """Keras adds them up; what they say about the output must agree."""
    x, y = binary_rows(40, logits=True)
    model = echo_model(loss=losses)
    metrics = Metrics("f1", task=task, verbose=False)
    if message is None:
        run = model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])
        assert run.history["val_f1"] == [sk.f1_score(y, x[:, 0] > 0)]
    else:
        with pytest.raises(DataError, match=message):
            model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[metrics])


@pytest.mark.parametrize("name", ["crossentropy", "ce"])
@pytest.mark.parametrize("columns", [1, 3])
def test_the_crossentropy_that_keras_chooses_by_the_shapes(name, columns):
    x, y = (binary_rows(ROWS)) if columns == 1 else (SHARES, LABELS)
    values = Metrics("accuracy").evaluate(echo_model(columns, loss=name), (x, y))
    labels = x[:, 0] > 0.5 if columns == 1 else x.argmax(axis=1)
    assert values["accuracy"] == sk.accuracy_score(y, labels)


def test_scores_asked_of_an_output_without_targets():
    metrics = Metrics({"logits": ["f1"], "value": ["r2"]}, verbose=False)
    with pytest.raises(DataError, match="asks for scores of the output 'value', which has no targets"):
        fit(subclassed(as_dict), {"logits": SPARSE(from_logits=True)}, {"logits": LABELS}, metrics)


IMPOSSIBLE = {"logits": ["f1"], "value": ["r2", "f1"]}


def test_a_score_that_a_task_cannot_have_names_the_output():
    with pytest.raises(ValueError, match=r"Metrics: output 'value': a regression task has no"):
        Metrics(IMPOSSIBLE, task={"value": "regression", "logits": "multiclass"})


def test_a_score_that_the_task_of_a_loss_cannot_have_names_the_output():
    loss, y = as_dict(SPARSE(from_logits=True), "mse"), as_dict(LABELS, VALUES)
    with pytest.raises(ValueError, match=r"Metrics: output 'value': a regression task has no"):
        fit(functional(as_dict), loss, y, Metrics(IMPOSSIBLE))


def test_every_warning_and_error_names_the_output():
    y = LABELS.copy()
    y[0] = 7
    with pytest.raises(DataError, match=r"Metrics: output 'logits': the model has 3 classes"):
        Metrics().evaluate(functional(as_dict), (X, {"logits": y}))
