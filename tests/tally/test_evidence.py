"""What tells how certain an area is, and where nothing does."""

import numpy as np

from kerascb_metrics.tally.delong import Spread
from kerascb_metrics.tally.evidence import Evidence


def test_an_area_varies_as_much_as_was_found_for_its_class():
    evidence = Evidence(areas=np.array([[0.1, 7.0], [np.nan, np.nan], [0.0, np.inf]]))
    assert [evidence.area(index) for index in range(3)] == [Spread(0.1, 7.0), None, Spread(0.0, np.inf)]
    assert Evidence().area(0) is None
