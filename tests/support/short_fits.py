"""Short fits on 40 rows, for tests of errors and warnings."""

from kerascb_metrics import Metrics
from tests.support.models import binary_rows, in_batches

X, Y = binary_rows(40)
TRAINING = in_batches(X[:8], Y[:8], 8)


def binary(**options):
    return Metrics(task="binary", verbose=False, **options)


def fit(model, metrics, callbacks=(), epochs=1, validation_data=(X, Y), **options):
    return model.fit(
        TRAINING,
        validation_data=validation_data,
        epochs=epochs,
        verbose=0,
        callbacks=[metrics, *callbacks],
        **options,
    )


def ours(warned):
    """Return only the warnings of Metrics (pytest.warns also records those that are ignored)."""
    return [warning for warning in warned if str(warning.message).startswith("Metrics: ")]
