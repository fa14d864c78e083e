"""Models with their own `test_step`, the same on the three backends."""

import keras

from tests.support.models import BACKEND, echo_model

unpack = keras.utils.unpack_x_y_sample_weight


class CustomStep(keras.Model):
    """A `test_step` that runs the forward pass and then calls `finish`, as in keras.io's guides."""

    if BACKEND == "jax":

        def test_step(self, state, data):
            trainable, non_trainable, metrics = state
            x, y, sample_weight = unpack(data)
            y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=False)
            mapping = list(zip(self.metrics_variables, metrics, strict=True))
            with keras.StatelessScope(state_mapping=mapping) as scope:
                logs = self.finish(x, y, y_pred, sample_weight)
                metrics = [scope.get_current_value(variable) for variable, _ in mapping]
            return logs, (trainable, non_trainable, metrics)

    else:

        def test_step(self, data):
            x, y, sample_weight = unpack(data)
            return self.finish(x, y, self(x, training=False), sample_weight)


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


def as_class(cls, **options):
    """The counted `echo_model`, as an instance of `cls`."""
    echo = echo_model(counted=True)
    model = cls(echo.input, echo.output)
    model.compile(keras.optimizers.SGD(0.0), "binary_crossentropy", **options)
    model.counter = echo.counter
    return model
