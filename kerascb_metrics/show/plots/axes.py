"""What every picture shares: matplotlib, imported late; panels, lines told apart without colour, legends, names."""

import importlib

# Okabe and Ito's colours, told apart by colour-blind eyes; their yellow is left out, which white paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":")
_MARKERS = "os^DvPX<>"
# As many lines as colours and dashes tell apart: their numbers have no common factor, so no pair occurs twice.
MOST_LINES = len(COLOURS) * len(_DASHES)


def pyplot():
    """Return `matplotlib.pyplot`; raise `ImportError` that names the extra where there is none."""
    try:
        return importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError(
            'kerascb_metrics draws with matplotlib, which cannot be imported: pip install "kerascb_metrics[plot]"'
        ) from error


def panels(ax, rows=1, columns=1, size=(6.4, 4.8), **options):
    """Return `(figure, list of axes)`: a new figure, or the place of one axes divided.

    Args:
        ax: axes to draw in, or None for a figure of its own.
        rows: of panels; where there is one panel in all, it is `ax` itself.
        columns: of panels.
        size: of the new figure, in inches.
        **options: for the grid, such as `height_ratios`.
    """
    plt = pyplot()
    if ax is not None and rows * columns == 1:
        return ax.figure, [ax]
    if ax is None:
        figure = plt.figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(rows, columns, **options)
    else:
        figure, grid = ax.figure, _grid_within(ax, rows, columns, options)
    return figure, [figure.add_subplot(grid[row, column]) for row in range(rows) for column in range(columns)]


def _grid_within(ax, rows, columns, options):
    if ax.get_subplotspec() is None:
        raise ValueError(
            f"this picture has {rows} × {columns} panels, for which only axes made by subplots() or add_subplot() can "
            "be divided; received axes at a fixed place. Leave ax out for a figure of its own."
        )
    ax.set_axis_off()
    return ax.get_subplotspec().subgridspec(rows, columns, **options)


def aspect(ax):
    """Return the aspect of a picture that is best square: a layout cuts off what stands beside axes that must be."""
    return "auto" if is_laid_out(ax) else "equal"


def style(number):
    """Return colour, dashes and marker of the line of a number: as keywords of matplotlib."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": _DASHES[number % len(_DASHES)],
        "marker": _MARKERS[number % len(_MARKERS)],
        "markersize": 5,
        "linewidth": 1.6,
    }


def check_lines(number, remedy):
    """Raise `ValueError` for more lines than can be told apart."""
    if number > MOST_LINES:
        raise ValueError(f"{number} lines cannot be told apart in one picture, {MOST_LINES} can. {remedy}")


def room(labels, width, height):
    """Return the size of a figure, in inches, whose legend stands beside axes of about the size given."""
    lines = [line for label in labels for line in label.split("\n")]
    return width + 0.8 + 0.07 * max(map(len, lines)), max(height, 0.2 * len(lines) + 0.8)


def is_laid_out(ax):
    """Tell whether the figure has a layout that makes room for what stands beside axes."""
    return ax.figure.get_layout_engine() is not None


def legend(ax):
    """Put the legend to the right of the axes where the figure makes room for it, else where it covers least."""
    if not is_laid_out(ax):
        return ax.legend(loc="best", fontsize="small")
    return ax.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, fontsize="small", handlelength=3.5, frameon=False
    )


def short(names, length=24):
    """Return names no longer than that, cut where most of them stay distinct: in the middle, behind, or in front.

    >>> short(["a class with a very long name", "cat"], 16)
    ['a class…ong name', 'cat']
    >>> short(["number 1 of the list", "number 2 of the list"], 16)
    ['number 1 of the…', 'number 2 of the…']
    """
    names = [str(name) for name in names]
    cuts = [((length - 1) // 2, length // 2), (length - 1, 0), (0, length - 1)]
    return max(([_cut(name, *cut) for name in names] for cut in cuts), key=lambda found: len(set(found)))


def _cut(name, head, tail):
    return name if len(name) <= head + tail + 1 else f"{name[:head]}…{name[len(name) - tail :]}"
