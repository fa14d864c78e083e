"""Shared by all plots: matplotlib, imported late; panels, line styles, legends, titles and short names."""

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # matplotlib is an extra
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind people can tell apart; without their yellow, too pale on white paper.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":")
_MARKERS = "os^DvPX<>"
# Marks the best value without hiding the marker of its line.
RING: dict[str, Any] = {"marker": "o", "markersize": 13, "color": "black", "fillstyle": "none", "markeredgewidth": 1.6}
# Beside axes that are narrower than this a legend would take half of their width; below them is the label of the axis.
_NARROW, _LABEL = 3.5, 0.45  # inches
# How many lines colours and dashes can distinguish: their numbers have no common factor, so no pair occurs twice.
MOST_LINES = len(COLOURS) * len(_DASHES)


def pyplot() -> Any:
    """Return the module `matplotlib.pyplot`.

    Raises:
        ImportError: without matplotlib; the message names the extra.
    """
    try:
        return importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ImportError(
            'A plot needs matplotlib, which cannot be imported: pip install "kerascb_metrics[plot]", or '
            "pip install matplotlib."
        ) from error


def panels(
    ax: "Axes | None", rows: int = 1, columns: int = 1, size: tuple[float, float] = (6.4, 4.8), **options: Any
) -> tuple[Any, list["Axes"]]:
    """Return `(figure, list of axes)`: a new figure, or the given axes divided into a grid.

    Args:
        ax: axes to draw in, or None for a new figure.
        rows: number of rows of panels; a single panel is `ax` itself.
        columns: number of columns of panels.
        size: of the new figure, in inches.
        **options: for the grid, such as `height_ratios`.

    Raises:
        ValueError: for several panels in axes that cannot be divided.
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


def _grid_within(ax: "Axes", rows: int, columns: int, options: dict[str, Any]) -> Any:
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            f"this plot needs {rows} × {columns} panels, and only axes made by subplots() or add_subplot() can be "
            "divided; received axes at a fixed position. Leave ax out to get a new figure."
        )
    ax.set_axis_off()
    return place.subgridspec(rows, columns, **options)


def aspect(ax: "Axes") -> Literal["auto", "equal"]:
    """Return the aspect of a plot that should be square: a layout would cut off the legend next to square axes."""
    return "auto" if has_layout(ax) else "equal"


def style(number: int) -> dict[str, Any]:
    """Return colour, dashes and marker of the line with a number, as keyword arguments of matplotlib."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": _DASHES[number % len(_DASHES)],
        "marker": _MARKERS[number % len(_MARKERS)],
        "markersize": 5,
        "linewidth": 1.6,
    }


def check_lines(number: int, remedy: str) -> None:
    """Raise `ValueError` if there are too many lines to distinguish."""
    if number > MOST_LINES:
        raise ValueError(f"received {number} lines; one plot can show at most {MOST_LINES} distinct ones. {remedy}")


def size_with_legend(labels: Iterable[str], width: float, height: float) -> tuple[float, float]:
    """Return the size of a figure, in inches, whose legend is to the right of axes of about the given size."""
    lines = [line for label in labels for line in label.split("\n")]
    return width + 0.8 + 0.07 * max(map(len, lines)), max(height, 0.2 * len(lines) + 0.8)


def has_layout(ax: "Axes") -> bool:
    """Return whether the figure has a layout engine, which makes space for a legend outside the axes."""
    return ax.figure.get_layout_engine() is not None


def add_legend(ax: "Axes") -> None:
    """Put the legend to the right of the axes, or below narrow ones, if the figure makes space for it.

    Else it is where it covers least.
    """
    if not has_layout(ax):
        ax.legend(loc="best", fontsize="small")
        return
    options: dict[str, Any] = {"borderaxespad": 0, "fontsize": "small", "frameon": False}
    if ax.bbox.width / ax.figure.dpi > _NARROW:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), handlelength=3.5, **options)
        return
    offset_copy = importlib.import_module("matplotlib.transforms").offset_copy
    below = offset_copy(ax.transAxes, ax.figure, y=-_LABEL, units="inches")
    # About as wide as the axes: a layout does not make room for a legend that is wider.
    short = all(len(line) <= 24 for label in ax.get_legend_handles_labels()[1] for line in label.split("\n"))
    options |= {"ncols": 2 if short else 1, "columnspacing": 1}
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, **options)


def literal(text: str) -> str:
    """Return text that matplotlib shows as it is: what stands between two dollar signs would be a formula.

    >>> literal("$10 to $20") == chr(92) + "$10 to " + chr(92) + "$20"
    True
    """
    return text.replace("$", r"\$")


def title_of(output: str | None, epoch: int | None) -> str:
    """Return the title of a plot: the output and the epoch, as far as they are given.

    >>> title_of("digit", 3), title_of(None, 3), title_of(None, None)
    ('digit, epoch 3', 'epoch 3', '')
    """
    return ", ".join([*([] if output is None else [output]), *([] if epoch is None else [f"epoch {epoch}"])])


def shorten(names: Iterable[object], length: int = 24) -> list[str]:
    """Return names of at most `length` characters, cut in the middle, at the end or at the start.

    All names are cut at the same place: where most of them stay distinct.

    >>> shorten(["a class with a very long name", "cat"], 16)
    ['a class…ong name', 'cat']
    >>> shorten(["number 1 of the list", "number 2 of the list"], 16)
    ['number 1 of the…', 'number 2 of the…']
    """
    texts = [str(name) for name in names]
    cuts = [((length - 1) // 2, length // 2), (length - 1, 0), (0, length - 1)]
    return max(([_cut(text, *cut) for text in texts] for cut in cuts), key=lambda found: len(set(found)))


def _cut(text: str, head: int, tail: int) -> str:
    return text if len(text) <= head + tail + 1 else f"{text[:head]}…{text[len(text) - tail :]}"
