"""`Metrics(report_file="report.html")`: after each scored epoch the file is the whole page of the run so far."""

import json
import os
import pickle
import re

import keras
import numpy as np
import pytest

from kerascb_metrics import Metrics
from kerascb_metrics.show.report import report_file
from tests.support.models import binary_rows, shared_echo_model

X, Y = binary_rows(40)


def fit(callbacks, epochs=3, **options):
    own = {"validation_data": (X, Y), "epochs": epochs, "verbose": 0, "callbacks": callbacks} | options
    return shared_echo_model(1).fit(X[:4], Y[:4], **own)


def page_of(path):
    text = path.read_text()
    assert text.rstrip().endswith("</html>")
    return json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)[1])


class Reader(keras.callbacks.Callback):
    """Reads the page when an epoch has begun."""

    def __init__(self, path):
        super().__init__()
        self.path, self.epochs = path, []

    def on_epoch_begin(self, epoch, logs=None):
        if self.path.exists():
            self.epochs.append(page_of(self.path)["epochs"])


def test_every_epoch_is_on_the_page_before_the_next_begins(tmp_path):
    path = tmp_path / "report.html"
    reader, metrics = Reader(path), Metrics(report_file=path, verbose=False)
    fit([metrics, reader])
    assert reader.epochs == [[0], [0, 1]]
    metrics.history.save_report(tmp_path / "later.html")
    assert path.read_text() == (tmp_path / "later.html").read_text()
    assert "val_loss" in [log["name"] for log in page_of(path)["logs"]]
    assert sorted(os.listdir(tmp_path)) == ["later.html", "report.html"]  # no part is left


def test_given_data_a_relative_path_and_a_resumed_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"validation_data": (X, Y), "log_file": "scores.jsonl", "report_file": "run.htm", "verbose": False}

    class Moves(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            (tmp_path / "elsewhere").mkdir(exist_ok=True)
            os.chdir(tmp_path / "elsewhere")

    fit([Metrics(**options), Moves()], 2)
    os.chdir(tmp_path)
    fit([Metrics(**options)], 3, initial_epoch=2)
    assert page_of(tmp_path / "run.htm")["epochs"] == [0, 1, 2]


def test_a_page_that_cannot_be_written_is_one_warning(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()

    class Removes(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if folder.exists():
                folder.rmdir()

    metrics = Metrics(report_file=folder / "report.html", verbose=False)
    with pytest.warns(UserWarning, match=r"cannot write .*report.html after epoch 0 .*Training continues") as seen:
        fit([Removes(), metrics])
    assert len([own for own in seen if "report_file" in str(own.message) or "report.html" in str(own.message)]) == 1
    assert len(metrics.f1s) == 3


def test_an_error_in_the_page_itself_does_not_end_the_run(tmp_path, monkeypatch):
    def fails(run):
        raise RuntimeError("of the page")

    monkeypatch.setattr(report_file, "report_page", fails)
    metrics = Metrics(report_file=tmp_path / "report.html", verbose=False)
    with pytest.warns(UserWarning, match="of the page. Training continues"):
        fit([metrics])
    assert len(metrics.f1s) == 3


def test_an_interrupted_fit_leaves_the_page_of_the_epochs_before(tmp_path):
    path = tmp_path / "report.html"

    class Stops(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if path.exists():
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit([Metrics(report_file=path, verbose=False), Stops()])
    assert page_of(path)["epochs"] == [0]


def test_what_is_wrong_raises_before_training(tmp_path):
    with pytest.raises(ValueError, match=r"report_file must end in \.html, as it is an HTML page; received 'a\.txt'"):
        Metrics(report_file="a.txt")
    with pytest.raises(ValueError, match=r"report_file must be a path such as 'scores\.html', or None; received 3"):
        Metrics(report_file=3)
    with pytest.raises(OSError, match="no such directory"):
        fit([Metrics(report_file=tmp_path / "nowhere" / "a.html")])
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(OSError, match="not a regular file"):
        fit([Metrics(report_file=tmp_path / "folder.html")])
    both = [Metrics(name, report_file=tmp_path / "a.html") for name in ("f1", "auc")]
    with pytest.raises(ValueError, match="two callbacks of this fit have the report_file"):
        fit(both)


def test_it_is_an_attribute_and_pickles(tmp_path):
    metrics = Metrics(report_file=tmp_path / "report.html", verbose=False)
    fit([metrics], 1)
    again = pickle.loads(pickle.dumps(metrics))
    assert again.report_file == tmp_path / "report.html"
    np.testing.assert_array_equal(again.f1s, metrics.f1s)
