"""The groups of samples, whatever their type and number: as a sorted set of the values and a search for each one."""

import numpy as np
import pandas as pd
import pytest

from kerascb_metrics.interpret.grouping import Grouping, rows_by_number
from kerascb_metrics.interpret.slices import slicings_of

RNG = np.random.default_rng(11)
FEW = RNG.integers(0, 9, 3000)
VALUES = {
    "few integers": FEW,
    "negative ones": FEW - 5,
    "far apart": (FEW - 3) * 10**12,
    "one that occurs late, above all others": np.append(FEW, 30) * 10**12,
    "one that occurs late, between the others": np.append(FEW * 2, 5) * 10**12,
    "many, far apart": RNG.permutation(3000) * 10**12,
    "beyond int64": FEW.astype(np.uint64) + np.uint64(2**63),
    "whole numbers as objects": np.array([10, 2, 1, 10], object),
    "text of digits": ["10", "2", "1", "10"],
    "fractions": FEW / 8,
    "truth": FEW > 4,
    "no samples": np.zeros(0, int),
}


@pytest.mark.parametrize("case", VALUES)
def test_groups_are_the_sorted_values(case):
    values = np.asarray(VALUES[case]).tolist()
    found = Grouping.of(VALUES[case], len(values))
    assert list(found.names) == sorted(set(values))
    assert set(map(type, found.names)) == set(map(type, values))
    assert [found.names[number] for number in found.numbers] == values
    assert found.numbers.dtype.kind == "i"  # differences of them are taken
    rows = [[i for i, v in enumerate(values) if v == name] for name in found.names]
    assert [own.tolist() for own in rows_by_number(found.numbers, len(rows))] == rows
    assert [own.tolist() for own in rows_by_number(found.numbers, len(rows) + 2)] == [*rows, [], []]


@pytest.mark.parametrize("count", [0, 1, 400])
@pytest.mark.parametrize("columns", [2, 3])
def test_groups_of_several_columns_are_the_combinations_that_occur(count, columns):
    given = {name: RNG.choice(["x", "y", "zz"], count) for name in "abc"[:columns]}
    values = list(zip(*(column.tolist() for column in given.values()), strict=True))
    found = Grouping.of(given)
    assert list(found.names) == sorted(set(values))
    assert [found.names[number] for number in found.numbers] == values


COLUMNS = {"a": ["x", "y", "x", "x"], "b": [2, 10, 10, 2]}
PAIRS = list(zip(*COLUMNS.values(), strict=True))


@pytest.mark.parametrize(
    "given",
    [pd.DataFrame(COLUMNS), pd.MultiIndex.from_arrays(list(COLUMNS.values())), PAIRS, np.array(PAIRS, object)],
    ids=["DataFrame", "MultiIndex", "list", "array"],
)
def test_columns_in_any_form_are_those_of_a_dict(given):
    found = Grouping.of(given, 4)
    assert found.names == (("x", 2), ("x", 10), ("y", 10))
    assert found.numbers.tolist() == Grouping.of(COLUMNS).numbers.tolist() == [0, 2, 1, 0]


def test_dates_stay_dates():
    days = np.array(["2020-01-02", "2020-01-01", "2020-01-02"], "datetime64[ns]")
    assert Grouping.of(days).names == (days[1], days[0])


@pytest.mark.parametrize("group", ["min", "max"])
def test_a_group_may_not_be_called_as_the_worst_value_is(group):
    with pytest.raises(ValueError, match=f"would both write size_{group}. Rename"):
        slicings_of({"size": [group, "other"]})
