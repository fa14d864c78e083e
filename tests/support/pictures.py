"""What the tests read from pictures."""

import itertools


def texts(artists):
    """The strings of matplotlib texts."""
    return [artist.get_text() for artist in artists]


def legend_of(ax):
    """The lines of the legend."""
    return texts(ax.get_legend().get_texts())


def assert_readable(figure):
    """Assert that nothing sticks out of the figure, and that tick labels do not overlap."""
    figure.draw_without_rendering()
    tight, whole = figure.get_tightbbox(), figure.bbox_inches
    assert min(tight.x0, tight.y0) >= 0, "sticks out on the left or below"
    assert tight.x1 <= whole.x1, "sticks out on the right"
    assert tight.y1 <= whole.y1, "sticks out above"
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels() if label.get_text()]
        assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes)), "tick labels overlap"
