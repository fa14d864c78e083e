"""The folds of samples: a hash of their numbers, so that every epoch and every release has the same."""

import numpy as np
import pytest

from kerascb_metrics.tally.folds import folds_of, folds_of_rows

MASK = 2**64 - 1


def fold_of(number, process):
    """The fold of a sample by SplitMix64, in Python's integers."""
    mixed = (number + (process << 40) + 1) * 0x9E3779B97F4A7C15 & MASK
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & MASK
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & MASK
    return (mixed ^ mixed >> 31) * 5 >> 64


@pytest.mark.parametrize("process", [0, 1, 3, 200])
@pytest.mark.parametrize("first", [0, 7, 10**9])
def test_the_fold_of_a_sample_is_the_hash_of_its_number_and_process(first, process):
    expected = [fold_of(number, process) for number in range(first, first + 300)]
    assert set(expected) == set(range(5))
    assert folds_of(np.arange(first, first + 300), process).tolist() == expected
    kept = folds_of_rows(300, first, process)
    assert kept.tolist() == expected
    assert folds_of_rows(300).tolist() == folds_of(np.arange(300)).tolist()
    assert not kept.flags.writeable  # each epoch is given the same array
