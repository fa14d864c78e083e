"""Confusion matrices as images for TensorBoard. It shows the scores without this, because they are in `logs`."""

import importlib
import io
import struct
import time
import warnings
from pathlib import Path
from typing import Any

import keras

from kerascb_metrics.callback import Metrics
from kerascb_metrics.collect.callback_order import may_be_in_same_fit
from kerascb_metrics.collect.processes import is_first_process
from kerascb_metrics.show.plots.axes import pyplot
from kerascb_metrics.show.plots.confusion import Normalize

# Each label has its own matrix: to draw more of them would take longer than the epoch.
_MOST_LABELS = 25


class ConfusionImages(keras.callbacks.Callback):
    """Writes the confusion matrix of each scored epoch as an image, for TensorBoard's tab "Images".

    The images are in the run "validation", together with the scores that `keras.callbacks.TensorBoard` writes. Their
    tag is `epoch_confusion`, or `epoch_<output>_confusion` if there are several outputs. The images of a `Metrics` with
    `prefix="test_"` are in the run "test".

    An epoch or an output without counts (a regression, undefined scores), or with more than 25 labels, has no image. A
    fit without any image warns at its end. It works on every backend; TensorFlow is not needed. If several processes
    train together, the first one writes.

    TensorBoard shows ten images per tag, drawn at random: `tensorboard --samples_per_plugin images=0` shows all.

    Args:
        metrics: the `Metrics` of the same fit; either of the two may be listed first.
        log_dir: the folder that was passed to `keras.callbacks.TensorBoard`.
        normalize: None, "true", "pred" or "all", as in `ScoreHistory.plot_confusion`.

    Raises:
        OSError: when training starts, if the folder cannot be created.
        ImportError: when training starts, if tensorboard or matplotlib is not installed.
        TypeError: if `metrics` is not a `Metrics`.
        ValueError: when training starts, if `metrics` is not among the callbacks of the fit.

    >>> from kerascb_metrics import Metrics
    >>> metrics = Metrics()
    >>> callbacks = [metrics, ConfusionImages(metrics, "runs/1")]
    """

    def __init__(self, metrics: Metrics, log_dir: Any, *, normalize: Normalize | None = None) -> None:
        super().__init__()
        if not isinstance(metrics, Metrics):
            raise TypeError(
                f"ConfusionImages takes a Metrics, then the folder of the logs; received a {type(metrics).__name__} "
                "first."
            )
        self.metrics = metrics
        self.log_dir = log_dir
        self.normalize = normalize
        self._events: Any = None
        self._broken = False
        self._writes = True

    def on_train_begin(self, logs: Any = None) -> None:
        """Check that everything needed is there, before the first epoch."""
        pyplot()
        _tensorboard("compat.proto.summary_pb2")
        if not may_be_in_same_fit(self, self.metrics):
            raise ValueError(
                "ConfusionImages: its Metrics is not among the callbacks of this fit. List both: "
                "callbacks=[metrics, ConfusionImages(metrics, log_dir)]."
            )
        self._events = None  # after a fit that raised it is still open
        self._broken = False
        self._writes = is_first_process()
        if not self._writes:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"ConfusionImages: cannot create the folder {str(self._folder)!r}: {error}") from error

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the images of an epoch, if it was scored."""
        if not self._writes or epoch not in self.metrics.history.epochs[-1:]:
            return
        for output in self.metrics.history.tallies[-1]:
            if self._has_counts(epoch, output):
                tag = "epoch_confusion" if output is None else f"epoch_{output}_confusion"
                self._write(tag, self._draw(epoch, output), epoch)

    def on_train_end(self, logs: Any = None) -> None:
        """Close the file."""
        if self._events is None:
            if self._writes and not self._broken:
                warnings.warn(
                    "ConfusionImages: no epoch of this fit had counts to draw: no epoch was scored, the scores are "
                    f"undefined, it is a regression, or it has more than {_MOST_LABELS} labels.",
                    stacklevel=2,
                )
            return
        self._events.close()
        self._events = None

    def _has_counts(self, epoch: int, output: str | None) -> bool:
        try:
            tally = self.metrics.history.tally(epoch, output)
        except ValueError:  # there is no other way to ask; `Metrics` itself warns of undefined scores
            return False
        return tally.kind != "multilabel" or len(tally.class_names) <= _MOST_LABELS

    def _draw(self, epoch: int, output: str | None) -> bytes:
        figure = self.metrics.history.plot_confusion(epoch, output=output, normalize=self.normalize).figure_
        png = io.BytesIO()
        figure.savefig(png, format="png")
        pyplot().close(figure)
        return png.getvalue()

    def _write(self, tag: str, png: bytes, epoch: int) -> None:
        summary, event = _tensorboard("compat.proto.summary_pb2").Summary, _tensorboard("compat.proto.event_pb2").Event
        width, height = struct.unpack(">II", png[16:24])  # where a PNG has its size
        image = summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
        value = summary.Value(tag=tag, image=image)
        try:
            if self._events is None:
                writer = _tensorboard("summary.writer.event_file_writer").EventFileWriter
                self._events = writer(str(self._folder))
            self._events.add_event(event(wall_time=time.time(), step=epoch, summary=summary(value=[value])))
            self._events.flush()  # TensorBoard shows it now, and it survives if the run is killed
        except Exception as error:  # tensorboard raises many kinds; none may end the run
            if not self._broken:
                self._broken = True
                warnings.warn(f"ConfusionImages: cannot write to {str(self._folder)!r}: {error}", stacklevel=2)

    @property
    def _folder(self) -> Path:
        prefix = (self.metrics.prefix or "val_").strip("_")
        return Path(self.log_dir) / ("validation" if prefix == "val" else prefix)


def _tensorboard(module: str) -> Any:
    try:
        return importlib.import_module(f"tensorboard.{module}")
    except ImportError as error:
        raise ImportError(
            "ConfusionImages needs tensorboard, which cannot be imported: pip install tensorboard"
        ) from error
