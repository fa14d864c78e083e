"""Random numbers of the tests: each test draws the same, whichever ran before it."""

import keras
import numpy as np
import pytest

RNG = np.random.default_rng(0)
DRAWN, OF_KERAS = [], []


@pytest.mark.parametrize("run", ["once", "again"])
def test_a_generator_of_the_file_starts_over(run):
    DRAWN.append(RNG.random())
    assert DRAWN[0] == DRAWN[-1]


@pytest.mark.parametrize("run", ["once", "again"])
def test_keras_starts_over(run):
    OF_KERAS.append(float(keras.random.uniform(())))
    assert OF_KERAS[0] == OF_KERAS[-1]
