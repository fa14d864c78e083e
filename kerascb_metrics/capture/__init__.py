"""The one place that knows Keras's trainer: whence the rows of a validation pass come."""

from kerascb_metrics.capture._keras import fit_validates
from kerascb_metrics.capture.seam import CapturedPass, PassListener, callbacks_beside, install, remove

__all__ = ["CapturedPass", "PassListener", "callbacks_beside", "fit_validates", "install", "remove"]
