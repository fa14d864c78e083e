"""Weights & Biases without a network: what its own callbacks wrote into the file of an offline run."""

import json
import struct

import pytest
import wandb
from wandb.integration.keras import WandbMetricsLogger, WandbModelCheckpoint
from wandb.proto import wandb_internal_pb2

from kerascb_metrics import Metrics
from tests.support.tool_fits import f1s, fit


@pytest.fixture
def run(tmp_path):
    settings = wandb.Settings(console="off", silent=True, x_disable_stats=True, x_disable_meta=True)
    with wandb.init(project="kerascb_metrics", mode="offline", dir=tmp_path, settings=settings) as run:
        yield run


def records(path):
    """The records of an offline run: LevelDB's log format, blocks of 32 KiB after a header of 7 bytes."""
    data, place, record = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:  # no room for a header: the block is padded
            place += 32768 - place % 32768
            continue
        _, size, kind = struct.unpack("<IHB", data[place : place + 7])
        record += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield wandb_internal_pb2.Record.FromString(record)
            record = b""


def logged(folder):
    """Name → values, of each `run.log`."""
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    found: dict = {}
    for record in records(path):
        for item in record.history.item:
            found.setdefault(item.key or "/".join(item.nested_key), []).append(json.loads(item.value_json))
    return found


@pytest.mark.parametrize("last", [False, True])
def test_metrics_logger_at_both_places(run, tmp_path, last):
    metrics, tool = Metrics(verbose=False), WandbMetricsLogger()
    fit([metrics, tool] if last else [tool, metrics])
    run.finish()
    wandb.teardown()  # waits for the process that writes, which `finish` does not
    found = logged(tmp_path)
    assert found["epoch/val_f1"] == metrics.f1s == f1s()
    assert found["epoch/val_auc"] == metrics.auc
    assert found["epoch/val_tp"] == [matrix[1, 1] for matrix in metrics.confusion]
    assert found["epoch/epoch"] == metrics.history.epochs


def test_model_checkpoint_knows_the_direction(run, tmp_path):
    checkpoint = WandbModelCheckpoint(tmp_path / "best.keras", monitor="val_f1", save_best_only=True)
    fit([checkpoint, Metrics(verbose=False)])
    assert checkpoint.best == max(f1s())
