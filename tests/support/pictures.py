"""Pictures: what is read off them."""

import itertools


def texts(artists):
    """What matplotlib's texts say."""
    return [artist.get_text() for artist in artists]


def legend_of(ax):
    """What the legend says, line by line."""
    return texts(ax.get_legend().get_texts())


def assert_readable(figure):
    """Nothing sticks out of the figure, and no tick label lies on the next one."""
    figure.draw_without_rendering()
    tight, whole = figure.get_tightbbox(), figure.bbox_inches
    assert min(tight.x0, tight.y0) >= 0, "sticks out on the left or below"
    assert tight.x1 <= whole.x1, "sticks out on the right"
    assert tight.y1 <= whole.y1, "sticks out above"
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        boxes = [label.get_window_extent() for label in axis.get_ticklabels() if label.get_text()]
        assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes)), "tick labels overlap"
