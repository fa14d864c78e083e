"""Small line charts as SVG text for notebooks: static, without a script, and readable on white and on black."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from kerascb_metrics.show.plots.axes import COLOURS, shorten

_WIDTH, _HEIGHT = 340, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 8, 34
_ROW, _CHARACTER = 16, 6.2  # of the legend, in pixels
# Okabe and Ito's black would not be seen in a dark notebook.
_COLOURS = (*COLOURS[:-1], "currentColor")
_DASHES = ("", "7 3", "7 3 2 3", "2 3")
_MOST_POINTS = 1500  # of all lines of a chart: about 20 KiB

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a chart.

    Attributes:
        name: its text in the legend.
        x: (P,) rising or falling.
        y: (P,); nan where the line has a gap.
        mark: the index of the point that has a ring, or None.
    """

    name: str
    x: _Floats
    y: _Floats
    mark: int | None = None


def line_chart(lines: Sequence[Line], x_label: str, y_label: str, *, square: bool = False, whole: bool = False) -> str:
    """Return a chart as an `<svg>` element; every text is escaped.

    Args:
        lines: at least one, with finite values among them.
        x_label: below the axis.
        y_label: beside the axis.
        square: whether both axes go from 0 to 1.
        whole: whether only whole numbers are at the x axis.
    """
    x_range = (0.0, 1.0) if square else _range_of([line.x for line in lines], 0.0)
    y_range = (0.0, 1.0) if square else _range_of([line.y for line in lines], 0.05)
    names = shorten([line.name for line in lines], 44)
    height = _HEIGHT + _ROW * len(lines)
    parts = [
        *_grid(x_range, y_range, whole),
        *(_curve(line, number, x_range, y_range, _MOST_POINTS // len(lines)) for number, line in enumerate(lines)),
        *_legend(names),
        _text(_LEFT + (_WIDTH - _LEFT - _RIGHT) / 2, _HEIGHT - 4, x_label, "middle"),
        f'<g transform="rotate(-90)">{_text(-(_HEIGHT - _BOTTOM + _TOP) / 2, 10, y_label, "middle")}</g>',
    ]
    described = escape(f"{y_label} by {x_label}: {', '.join(names)}", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}" '
        f'role="img" aria-label="{described}" font-family="sans-serif" font-size="10" fill="none" '
        f'stroke="currentColor">{"".join(parts)}</svg>'
    )


def _range_of(values: Sequence[_Floats], margin: float) -> tuple[float, float]:
    finite = np.concatenate(values)
    finite = finite[np.isfinite(finite)]
    low, high = float(finite.min()), float(finite.max())
    space = margin * (high - low) or (abs(high) or 1.0) * 0.05 * (low == high)
    return low - space, high + space


def _x(value: float, ends: tuple[float, float]) -> float:
    return _LEFT + (value - ends[0]) / (ends[1] - ends[0]) * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, ends: tuple[float, float]) -> float:
    return _HEIGHT - _BOTTOM - (value - ends[0]) / (ends[1] - ends[0]) * (_HEIGHT - _BOTTOM - _TOP)


def _ticks(ends: tuple[float, float], whole: bool) -> list[float]:
    """Return about five round numbers within a range.

    >>> _ticks((0.0, 1.0), whole=False), _ticks((0.0, 3.0), whole=True)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 1.0, 2.0, 3.0])
    """
    rough = (ends[1] - ends[0]) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    step = max(1.0, round(step)) if whole else step
    first = math.ceil(ends[0] / step - 1e-9)
    last = math.floor(ends[1] / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _grid(x_range: tuple[float, float], y_range: tuple[float, float], whole: bool) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    for value in _ticks(x_range, whole):
        place = _x(value, x_range)
        yield f'<path d="M{place:.1f} {_TOP}V{bottom}" opacity=".15"/>'
        yield _text(place, bottom + 13, f"{value:.6g}", "middle")
    for value in _ticks(y_range, False):
        place = _y(value, y_range)
        yield f'<path d="M{_LEFT} {place:.1f}H{right}" opacity=".15"/>'
        yield _text(_LEFT - 4, place + 3, f"{value:.6g}", "end")
    yield f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" opacity=".6"/>'


def _curve(line: Line, number: int, x_range: tuple[float, float], y_range: tuple[float, float], most: int) -> str:
    chosen = np.unique(np.linspace(0, len(line.x) - 1, min(most, len(line.x))).astype(int))
    if line.mark is not None:
        chosen = np.union1d(chosen, [line.mark])
    path, move = [], True
    for x, y in zip(line.x[chosen].tolist(), line.y[chosen].tolist(), strict=True):
        if math.isfinite(x) and math.isfinite(y):
            path.append(f"{'M' if move else 'L'}{_x(x, x_range):.1f} {_y(y, y_range):.1f}")
        move = not (math.isfinite(x) and math.isfinite(y))
    drawn = f'<path d="{"".join(path)}" {_style(number)} stroke-linecap="round"/>'  # a single point is a dot
    if line.mark is None or not math.isfinite(line.y[line.mark]):
        return drawn
    place = f'cx="{_x(line.x[line.mark], x_range):.1f}" cy="{_y(line.y[line.mark], y_range):.1f}"'
    return f'{drawn}<circle {place} r="5" stroke-width="1.5"/>'


def _style(number: int) -> str:
    dashes = _DASHES[number % len(_DASHES)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'stroke="{_COLOURS[number % len(_COLOURS)]}" stroke-width="1.8"{dashed}'


def _legend(names: Sequence[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        place = _HEIGHT + _ROW * number + 6
        yield f'<path d="M{_LEFT} {place}h26" {_style(number)}/>{_text(_LEFT + 32, place + 3.5, name, "start")}'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="currentColor" stroke="none">{escape(text)}</text>'
