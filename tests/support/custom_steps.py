"""Models with their own `test_step`, the same on the three backends."""

import keras

from tests.support.models import BACKEND, echo_model

unpack = keras.utils.unpack_x_y_sample_weight


class CustomStep(keras.Model):
    """A `test_step` that runs the forward pass and then calls `finish`, as in keras.io's guides."""

    calls = 1

    if BACKEND == "jax":

        def test_step(self, state, data):
            trainable, non_trainable, metrics = state
            x, y, sample_weight = unpack(data)
            for _ in range(self.calls):
                y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=False)
            mapping = list(zip(self.metrics_variables, metrics, strict=True))
            with keras.StatelessScope(state_mapping=mapping) as scope:
                logs = self.finish(x, y, y_pred, sample_weight)
                metrics = [scope.get_current_value(variable) for variable, _ in mapping]
            return logs, (trainable, non_trainable, metrics)

    else:

        def test_step(self, data):
            x, y, sample_weight = unpack(data)
            for _ in range(self.calls):
                y_pred = self(x, training=False)
            return self.finish(x, y, y_pred, sample_weight)


class SuperStep(keras.Model):
    def test_step(self, *args):
        return super().test_step(*args)


class MetricsOnlyStep(CustomStep):
    def finish(self, x, y, y_pred, sample_weight):
        return self.compute_metrics(x, y, y_pred, sample_weight)


class LossOnlyStep(CustomStep):
    def finish(self, x, y, y_pred, sample_weight):
        return {"loss": self.compute_loss(x, y, y_pred, sample_weight)}


class KerasIoStep(CustomStep):
    """The loop over `self.metrics` of https://keras.io/guides/custom_train_step_in_tensorflow."""

    def finish(self, x, y, y_pred, sample_weight):
        loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred, sample_weight)
        return {metric.name: metric.result() for metric in self.metrics}


class RenamedMetrics(keras.Model):
    def compute_metrics(self, inputs, targets, outputs, sample_weight=None):
        return super().compute_metrics(inputs, targets, outputs, sample_weight)


class RenamedKeywords(CustomStep):
    def compute_metrics(self, inputs, targets, outputs, sample_weight=None):
        return super().compute_metrics(inputs, targets, outputs, sample_weight)

    def finish(self, x, y, y_pred, sample_weight):
        return self.compute_metrics(sample_weight=sample_weight, outputs=y_pred, targets=y, inputs=x)


class NoCallStep(CustomStep):
    def finish(self, x, y, y_pred, sample_weight):
        return {"error": keras.ops.mean(y_pred)}


class TwiceStep(CustomStep):
    def finish(self, x, y, y_pred, sample_weight):
        self.compute_metrics(x, y, y_pred, sample_weight)
        return self.compute_metrics(x, y, y_pred, sample_weight)


# Steps of Keras's guides, and steps like them.


class UnweightedKerasIoStep(CustomStep):
    """The loop as the guide has it, without weights."""

    def finish(self, x, y, y_pred, sample_weight):
        loss = self.compute_loss(y=y, y_pred=y_pred)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class WeightsForMetricsStep(CustomStep):
    def finish(self, x, y, y_pred, sample_weight):
        loss = self.compute_loss(y=y, y_pred=y_pred)
        for metric in self.metrics:
            if metric.name != "loss":
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return {"loss": loss}


class WeightsForLossStep(CustomStep):
    def finish(self, x, y, y_pred, sample_weight):
        loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        for metric in self.metrics:
            if metric.name != "loss":
                metric.update_state(y, y_pred)
        return {"loss": loss}


class LabelsForMetricsStep(CustomStep):
    """The compiled metrics get labels, the loss the outputs."""

    def finish(self, x, y, y_pred, sample_weight):
        loss = self.compute_loss(y=y, y_pred=y_pred)
        for metric in self.metrics:
            if metric.name != "loss":
                metric.update_state(y, keras.ops.round(y_pred))
        return {"loss": loss}


class SoftTargetsForLossStep(CustomStep):
    """The loss gets other targets than the compiled metrics."""

    def finish(self, x, y, y_pred, sample_weight):
        loss = self.compute_loss(y=0.9 * keras.ops.cast(y, "float32") + 0.05, y_pred=y_pred)
        for metric in self.metrics:
            if metric.name != "loss":
                metric.update_state(y, y_pred)
        return {"loss": loss}


class CompiledLossStep(CustomStep):
    """The test step of https://keras.io/guides/customizing_what_happens_in_fit before Keras 3: TensorFlow only."""

    def finish(self, x, y, y_pred, sample_weight):
        self.compiled_loss(y, y_pred, sample_weight, regularization_losses=self.losses)
        self.compiled_metrics.update_state(y, y_pred, sample_weight)
        return {metric.name: metric.result() for metric in self.metrics}


class CompiledMetricsStep(CustomStep):
    def finish(self, x, y, y_pred, sample_weight):
        self.compiled_metrics.update_state(y, y_pred, sample_weight=sample_weight)
        return {"error": keras.ops.mean(y_pred)}


class LowLevelStep(CustomStep):
    """The guides' "Going lower-level": a loss and metrics of the model's own."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.loss_tracker = keras.metrics.Mean(name="own_loss")
        self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae")
        self.auc_metric = keras.metrics.AUC(name="own_auc")
        self.loss_fn = keras.losses.MeanSquaredError()

    def finish(self, x, y, y_pred, sample_weight):
        self.loss_tracker.update_state(self.loss_fn(y, y_pred, sample_weight))
        self.mae_metric.update_state(y, y_pred, sample_weight=sample_weight)
        self.auc_metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in (self.loss_tracker, self.mae_metric)}

    @property
    def metrics(self):
        return [self.loss_tracker, self.mae_metric, self.auc_metric]


class LowLevelUnweightedStep(LowLevelStep):
    def finish(self, x, y, y_pred, sample_weight):
        return super().finish(x, y, y_pred, None)


class OwnLossOnlyStep(LowLevelStep):
    """Only the loss is tracked, which shows no rows."""

    def finish(self, x, y, y_pred, sample_weight):
        self.loss_tracker.update_state(self.loss_fn(y, y_pred, sample_weight))
        return {"loss": self.loss_tracker.result()}


class OwnMetricOfLabelsStep(LowLevelStep):
    def finish(self, x, y, y_pred, sample_weight):
        return super().finish(x, y, keras.ops.round(y_pred), sample_weight)


class OwnMetricOfOtherTargetsStep(LowLevelStep):
    def finish(self, x, y, y_pred, sample_weight):
        return super().finish(x, 1 - y, y_pred, sample_weight)


class OwnMetricOfOtherWeightsStep(LowLevelStep):
    def finish(self, x, y, y_pred, sample_weight):
        return super().finish(x, y, y_pred, keras.ops.ones_like(y_pred))


class TwoCallsStep(LowLevelStep):
    """Calls itself twice, as for test-time augmentation; `predict` does so once."""

    calls = 2


class OtherTargetsTwiceStep(CustomStep):
    """Neither the loss nor the metrics get the batch's own targets."""

    def finish(self, x, y, y_pred, sample_weight):
        y = keras.ops.cast(y, "float32")
        loss = self.compute_loss(y=0.9 * y + 0.05, y_pred=y_pred)
        for metric in self.metrics:
            if metric.name != "loss":
                metric.update_state(1 - y, y_pred)
        return {"loss": loss}


class SeveralWeightsStep(CustomStep):
    def finish(self, x, y, y_pred, sample_weight):
        loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=2 * keras.ops.ones_like(y_pred))
        for metric in self.metrics:
            if metric.name != "loss":
                metric.update_state(y, y_pred, sample_weight=keras.ops.ones_like(y_pred))
        return {"loss": loss}


class StatelessStep(keras.Model):
    """The test step of https://keras.io/guides/custom_train_step_in_jax: JAX only."""

    def test_step(self, state, data):
        trainable, non_trainable, metrics_variables = state
        x, y, sample_weight = unpack(data)
        y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=False)
        loss, (trainable, non_trainable, metrics_variables) = self.stateless_compute_loss(
            trainable,
            non_trainable,
            metrics_variables,
            x=x,
            y=y,
            y_pred=y_pred,
            sample_weight=sample_weight,
            training=False,
        )
        left, logs, new = list(metrics_variables), {}, []
        for metric in self.metrics:
            own, left = left[: len(metric.variables)], left[len(metric.variables) :]
            given = (loss,) if metric.name == "loss" else (y, y_pred, sample_weight)
            own = metric.stateless_update_state(own, *given)
            logs[metric.name] = metric.stateless_result(own)
            new += own
        return logs, (trainable, non_trainable, new)


class StatelessLowLevelStep(LowLevelStep):
    """A loss and metrics of the model's own, stateless: JAX only."""

    def test_step(self, state, data):
        trainable, non_trainable, metrics_variables = state
        x, y, sample_weight = unpack(data)
        y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=False)
        loss = self.loss_fn(y, y_pred, sample_weight=sample_weight)
        left, logs, new = list(metrics_variables), {}, []
        for metric in self.metrics:
            own, left = left[: len(metric.variables)], left[len(metric.variables) :]
            given = (loss,) if metric is self.loss_tracker else (y, y_pred, sample_weight)
            own = metric.stateless_update_state(own, *given)
            logs[metric.name] = metric.stateless_result(own)
            new += own
        return logs, (trainable, non_trainable, new)


class NoCall(keras.Model):
    """A trainer around another model, as the guides' GAN: it has a `test_step`, but no `call`."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.tracker = keras.metrics.Mean(name="error")
        self.built = True

    if BACKEND == "jax":

        def train_step(self, state, data):
            return {"error": keras.ops.zeros(())}, state

        def test_step(self, state, data):
            return {"error": keras.ops.zeros(())}, state

    else:

        def train_step(self, data):
            return {"error": keras.ops.zeros(())}

        def test_step(self, data):
            x, _, _ = unpack(data)
            self.tracker.update_state(keras.ops.mean(self.inner(x)))
            return {"error": self.tracker.result()}


def as_class(cls, **options):
    """The counted `echo_model`, as an instance of `cls`."""
    echo = echo_model(counted=True)
    model = cls(echo.input, echo.output)
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", **options)
    model.counter = echo.counter
    return model
