"""A short run of fuzz.py, always with the same cases; `python -m tests.robustness.fuzz` is the long run."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.robustness import fuzz
from tests.support import fuzz_reference
from tests.support.models import BACKEND


@settings(max_examples=150)
@given(case=fuzz.cases())
def test_arrays(case):
    fuzz.check_arrays(case)


# Few, because each case traces and compiles a model.
@settings(max_examples={"tensorflow": 4, "jax": 5}.get(BACKEND, 15), suppress_health_check=[HealthCheck.too_slow])
@given(case=fuzz.fit_cases())
def test_fits(case):
    fuzz.check_fit(case)


def test_the_check_can_fail(monkeypatch):
    """A wrong number is noticed."""
    right = fuzz_reference.sk.f1_score
    monkeypatch.setattr(fuzz_reference.sk, "f1_score", lambda *args, **options: right(*args, **options) + 1e-9)
    with pytest.raises(AssertionError):
        fuzz.run(fuzz.check_arrays, fuzz.cases(kinds=("binary",), spoils=(None,)), 30, seed_of_run=0)
