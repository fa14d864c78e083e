"""Confusion matrices as images for TensorBoard, which shows the scores by itself: they are in `logs`."""

import importlib
import io
import struct
import time
import warnings
from pathlib import Path
from typing import Any

import keras

from kerascb_metrics.callback import Metrics
from kerascb_metrics.collect.callback_order import may_stand_beside
from kerascb_metrics.collect.processes import is_first_process
from kerascb_metrics.show.plots.axes import pyplot

# Each label has a matrix of its own to draw: for more it would take longer than the epoch.
_MOST_LABELS = 25


class ConfusionImages(keras.callbacks.Callback):
    """Writes the confusion matrix of each scored epoch as an image, into TensorBoard's tab "Images".

    The images stand in the run "validation", beside the scores that `keras.callbacks.TensorBoard` writes, under the
    tag `epoch_confusion`, or `epoch_<output>_confusion` where there are several outputs; those of a `Metrics` with
    `prefix="test_"` in the run "test". An epoch or an output without counts (a regression, undefined scores),
    or with more than 25 labels, has none, and a fit without any is warned of at its end. On every backend; TensorFlow
    is not needed. Of several processes that train together the first one writes.

    TensorBoard shows ten images of a tag, drawn at random: `tensorboard --samples_per_plugin images=0` shows all.

    Args:
        metrics: the `Metrics` of the same fit; each of the two may be listed first.
        log_dir: the folder that `keras.callbacks.TensorBoard` was given.
        normalize: None, "true", "pred" or "all", as in `ScoreHistory.plot_confusion`.

    Raises:
        OSError: where the folder cannot be made, when training starts.
        ImportError: without tensorboard or matplotlib, when training starts.
        TypeError: where `metrics` is no `Metrics`.
        ValueError: when training starts, where `metrics` is not among the callbacks of the fit.

    >>> from kerascb_metrics import Metrics
    >>> metrics = Metrics()
    >>> callbacks = [metrics, ConfusionImages(metrics, "runs/1")]
    """

    def __init__(self, metrics: Metrics, log_dir: Any, *, normalize: str | None = None) -> None:
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

    def on_train_begin(self, logs=None):
        """See that everything needed is there, before an epoch is spent."""
        pyplot()
        _tensorboard("compat.proto.summary_pb2")
        if not may_stand_beside(self, self.metrics):
            raise ValueError(
                "ConfusionImages: its Metrics is not among the callbacks of this fit. List both: "
                "callbacks=[metrics, ConfusionImages(metrics, log_dir)]."
            )
        self._events = None  # a fit that raised had no end to close it at
        self._broken = False
        self._writes = is_first_process()
        if not self._writes:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(f"ConfusionImages: the folder {str(self._folder)!r} cannot be made: {error}") from error

    def on_epoch_end(self, epoch, logs=None):
        """Write the images of an epoch, if it was scored."""
        if not self._writes or epoch not in self.metrics.history.epochs[-1:]:
            return
        for output in self.metrics.history.tallies[-1]:
            if self._has_counts(epoch, output):
                tag = "epoch_confusion" if output is None else f"epoch_{output}_confusion"
                self._write(tag, self._draw(epoch, output), epoch)

    def on_train_end(self, logs=None):
        """Close the file."""
        if self._events is None:
            if self._writes and not self._broken:
                warnings.warn(
                    "ConfusionImages: no epoch of this fit had counts to draw: none was scored, their scores are "
                    f"undefined, it is a regression, or it has more than {_MOST_LABELS} labels.",
                    stacklevel=2,
                )
            return
        self._events.close()
        self._events = None

    def _has_counts(self, epoch, output):
        try:
            tally = self.metrics.history.tally(epoch, output)
        except ValueError:  # the one way to ask; what is undefined, `Metrics` says itself
            return False
        return tally.kind != "multilabel" or len(tally.class_names) <= _MOST_LABELS

    def _draw(self, epoch, output):
        figure = self.metrics.history.plot_confusion(epoch, output=output, normalize=self.normalize).figure_
        png = io.BytesIO()
        figure.savefig(png, format="png")
        pyplot().close(figure)
        return png.getvalue()

    def _write(self, tag, png, epoch):
        summary, event = _tensorboard("compat.proto.summary_pb2").Summary, _tensorboard("compat.proto.event_pb2").Event
        width, height = struct.unpack(">II", png[16:24])  # a PNG tells its size there
        image = summary.Image(width=width, height=height, colorspace=4, encoded_image_string=png)
        value = summary.Value(tag=tag, image=image)
        try:
            if self._events is None:
                writer = _tensorboard("summary.writer.event_file_writer").EventFileWriter
                self._events = writer(str(self._folder))
            self._events.add_event(event(wall_time=time.time(), step=epoch, summary=summary(value=[value])))
            self._events.flush()  # a watcher sees it now, and a run that is killed keeps it
        except Exception as error:  # tensorboard's are of many kinds; none may end the run
            if not self._broken:
                self._broken = True
                warnings.warn(f"ConfusionImages: cannot write to {str(self._folder)!r}: {error}", stacklevel=2)

    @property
    def _folder(self):
        prefix = (self.metrics.prefix or "val_").strip("_")
        return Path(self.log_dir) / ("validation" if prefix == "val" else prefix)


def _tensorboard(module):
    try:
        return importlib.import_module(f"tensorboard.{module}")
    except ImportError as error:
        raise ImportError(
            "ConfusionImages writes with tensorboard, which cannot be imported: pip install tensorboard"
        ) from error
