"""`Modes`: "max" or "min" of each name in `logs`, and what cannot be monitored."""

import pytest

from kerascb_metrics.interpret.slices import slicings_of
from kerascb_metrics.score.modes import Modes
from kerascb_metrics.score.plan import Plan

SEX = slicings_of({"sex": ["f", "m"]})


def own(y_true, y_pred):
    return 0.0


@pytest.mark.parametrize(
    ("options", "name", "outputs", "mode"),
    [
        ({"scoring": "f1"}, "f1", (), "max"),
        ({"scoring": "f1"}, "sklearn_f1", (), "max"),
        ({"scoring": "mae"}, "mae", (), "min"),
        ({"scoring": "mae"}, "auc", (), None),
        ({"scoring": ["f1", own]}, "own", (), None),
        ({"scoring": "confusion"}, "fp", (), "min"),
        ({"scoring": "f1"}, "f1_1", (), None),
        ({"scoring": "f1", "per_class": True}, "f1_1", (), "max"),
        ({"scoring": "kappa", "per_class": True}, "kappa_1", (), None),
        ({"scoring": "f1", "average": None}, "f1_cat", (), "max"),
        ({"scoring": "f1", "average": None}, "a_f1_cat", ("a", "b"), "max"),
        ({"scoring": "mae", "per_class": True}, "mae_0", (), "min"),
        ({"scoring": {"a": ["f1"], "b": ["auc"]}, "per_class": True}, "b_auc_1", ("a", "b"), "max"),
        ({"scoring": "f1", "per_class": True}, "a_f1_1", ("a", "b"), "max"),
        ({"scoring": "f1"}, "a_f1", (), None),
        ({"scoring": "f1"}, "a_f1", None, "max"),
        ({"scoring": {"a": ["f1"]}}, "a_f1", None, "max"),
        ({"scoring": {"loss": "f1"}}, "loss", (), None),
        ({"scoring": {"loss": "f1", "x": "mae"}}, "x", (), "min"),
        ({"scoring": "f1", "slices": SEX}, "f1_sex_f", (), "max"),
        ({"scoring": "f1", "slices": SEX}, "f1_sex_min", (), "max"),
        ({"scoring": "mae", "slices": SEX}, "mae_sex_max", (), "min"),
        ({"scoring": "f1", "slices": SEX}, "b_f1_sex_m", ("a", "b"), "max"),
        ({"scoring": {"a": ["f1"]}, "slices": SEX}, "b_f1_sex_m", ("a", "b"), None),
    ],
)
def test_the_direction_of_a_name_in_logs(options, name, outputs, mode):
    modes = Modes(Plan(**options))
    assert modes.of(name, outputs) == mode
    if mode is not None:
        assert modes.to_monitor(name, outputs) == mode
    else:
        with pytest.raises(ValueError, match=f"'{name}'"):
            modes.to_monitor(name, outputs)


@pytest.mark.parametrize(
    ("options", "name", "outputs", "words"),
    [
        ({"average": None}, "f1", (), ["has one value per class", "'f1_1'", "per_class=True"]),
        ({"average": None}, "a_f1", ("a", "b"), ["has one value per class", "'a_f1_1'"]),
        ({"scoring": {"a": ["f1"]}, "average": None}, "a_f1", None, ["has one value per class"]),
        ({"scoring": ["f1", own]}, "own", (), ["cannot tell whether a higher 'own'", "make_scorer"]),
        ({"scoring": ["f1", own, "mae"]}, "auc", (), ["those are: f1, mae."]),
        ({"scoring": own}, "auc", (), ["those are: none."]),
        ({"scoring": "f1", "slices": SEX}, "auc", (), ["those are: f1, and of slices such as f1_sex_min."]),
        ({"scoring": own, "slices": SEX}, "own_sex_f", (), ["cannot tell whether a higher 'own_sex_f'"]),
    ],
)
def test_what_cannot_be_monitored(options, name, outputs, words):
    with pytest.raises(ValueError, match=r"^Metrics: ") as caught:
        Modes(Plan(**options)).to_monitor(name, outputs)
    assert [word for word in words if word not in str(caught.value)] == []
