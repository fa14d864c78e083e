"""The groups of samples, whatever their type and number: as a sorted set of the values and a search for each one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


OF_ANY_TYPE = {
    "integers": np.array([3, 1, 3, 2]),
    "bytes of integers": np.array([3, 1, 3, 2], np.int8),
    "far apart": np.array([3 * 10**15, 1, 3 * 10**15, 2]),
    "unsigned": np.array([2**64 - 1, 1, 2**64 - 1, 2], np.uint64),
    "booleans": np.array([True, False, True, False]),
    "fractions": np.array([0.5, 0.25, 0.5, 0.0]),
    "text": np.array(["b", "a", "b", "aa"]),
    "bytes": np.array([b"b", b"a", b"b", b"aa"]),
    "objects": np.array(["b", "a", "b", "aa"], object),
    "a list": ["b", "a", "b", "aa"],
    "dates": np.array(["2020-01-02", "2020-01-01", "2020-01-02", "2020-01-03"], "datetime64[D]"),
    "a column": pd.Series(["b", "a", "b", "aa"], index=[7, 7, 8, 9]),
    "categories": pd.Series(["b", "a", "b", "aa"], dtype="category"),
}


@pytest.mark.parametrize("case", OF_ANY_TYPE)
def test_groups_of_any_type(case):
    given = OF_ANY_TYPE[case]
    array = np.asarray(given)
    found = Grouping.of(given, 4)
    assert [str(found.names[number]) for number in found.numbers] == list(
        map(str, array.tolist() if array.dtype.kind not in "M" else array)
    )
    assert list(found.names) == sorted(set(found.names))
    several = Grouping.of({"one": given, "other": [0, 1, 1, 0]})
    pairs = list(zip((found.names[number] for number in found.numbers), [0, 1, 1, 0], strict=True))
    assert [several.names[number] for number in several.numbers] == pairs
    assert list(several.names) == sorted(set(pairs))


def test_values_of_several_types_stay_what_they_are():
    found = Grouping.of([1, "a", 2.5, 1])
    assert [found.names[number] for number in found.numbers] == [1, "a", 2.5, 1]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=50), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_integers_are_numbered_as_by_unique(values, repeats):
    given_values = np.array(values * repeats)
    names, numbers = np.unique(given_values, return_inverse=True)
    found = Grouping.of(given_values)
    assert list(found.names) == names.tolist()
    np.testing.assert_array_equal(found.numbers, numbers)


MISSING = {
    "None": ["a", None],
    "nan": [1.0, np.nan],
    "nan in a list of text": ["a", float("nan")],
    "pandas' own": pd.Series([1, pd.NA], dtype="Int64"),
    "pandas' own in a list": ["a", pd.NA],
    "a masked value": np.ma.masked_array([1, 2], mask=[False, True]),
    "no date": pd.Series([pd.Timestamp(0), pd.NaT]),
    "in one of two columns": {"a": [1, 2], "b": ["x", None]},
}


@pytest.mark.parametrize("case", MISSING)
def test_a_missing_group_is_an_error(case):
    with pytest.raises(ValueError, match=r"groups: 1 samples have None or nan for a group\. Give them a group"):
        Grouping.of(MISSING[case])


def test_what_are_no_groups_raises():
    with pytest.raises(ValueError, match="values that can be hashed"):
        Grouping.of([[1], [1, 2]])
    with pytest.raises(ValueError, match="no column"):
        Grouping.of(pd.DataFrame())
    with pytest.raises(ValueError, match=r"one value per sample; received \(\)"):
        Grouping.of(7)
    with pytest.raises(ValueError, match=r"so the shape \(4,\); received \(3,\)"):
        Grouping.of(Grouping.of(["a", "b", "a"]), 4)
