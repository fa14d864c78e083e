"""What the tests read from plots."""

import itertools


def texts(artists):
    """Return the text of matplotlib's text objects."""
    return [artist.get_text() for artist in artists]


def legend_of(ax):
    """Return the lines of the legend."""
    return texts(ax.get_legend().get_texts())


def assert_readable(figure):
    """Assert that everything is inside the figure and that tick labels do not overlap."""
    figure.draw_without_rendering()
    drawn, figure_box = figure.get_tightbbox(), figure.bbox_inches
    assert min(drawn.x0, drawn.y0) >= 0, "something is cut off on the left or below"
    assert drawn.x1 <= figure_box.x1, "something is cut off on the right"
    assert drawn.y1 <= figure_box.y1, "something is cut off above"
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels() if label.get_text()]
        assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes)), "tick labels overlap"
