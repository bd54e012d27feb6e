"""The plot of a run, as SVG: sweeps as bars, healthy BMCs switched on over time as curves. Axes begin at zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from bench.bmc.figures import Measured, PowerOn, Sweep

__all__ = ["plot"]

_WIDTH, _LEFT, _PLOT = 860, 250, 560
_BAR, _GAP = 22, 12
_HEIGHT = 240
_COLOURS = ("#1a7f37", "#bf8700", "#cf222e")
_STYLE = "font-family: sans-serif; font-size: 13px"


def plot(run: Measured) -> str:
    sweeps = [run.ours, run.whole, run.parallel, run.sequence]
    bars = _bars(sweeps, top=46)
    above = 46 + len(sweeps) * (_BAR + _GAP) + 36
    curves = _curves(run.power, top=above + 40, bmcs=run.ours.bmcs)
    height = above + 40 + _HEIGHT + 76
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" style="{_STYLE}">\n'
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n'
        + _text(20, 26, f"Power status of {run.ours.bmcs} BMCs, median seconds", bold=True)
        + bars
        + _text(20, above + 18, "Power-on: healthy BMCs that are on, over seconds", bold=True)
        + curves
        + "</svg>\n"
    )


def _bars(sweeps: Sequence[Sweep], *, top: int) -> str:
    scale, ticks = _scale(max(sweep.median for sweep in sweeps))
    bottom = top + len(sweeps) * (_BAR + _GAP)
    parts = [_axis(ticks, scale, top, bottom)]
    for row, sweep in enumerate(sweeps):
        y = top + row * (_BAR + _GAP) + _GAP // 2
        width = sweep.median / scale * _PLOT
        colour = _COLOURS[0] if row < 2 else "#57606a"
        parts.append(_text(_LEFT - 10, y + 16, f"{sweep.client}, {sweep.at_once} at once", anchor="end"))
        parts.append(f'<rect x="{_LEFT}" y="{y}" width="{width:.2f}" height="{_BAR}" fill="{colour}"/>\n')
        parts.append(_text(_LEFT + width + 6, y + 16, f"{sweep.median:.2f} s"))
    return "".join(parts)


def _curves(power: Sequence[PowerOn], *, top: int, bmcs: int) -> str:
    scale, ticks = _scale(max(one.slowest for one in power))
    bottom = top + _HEIGHT
    parts = [_axis(ticks, scale, top, bottom)]
    for count in (0, bmcs // 2, bmcs):
        parts.append(_text(_LEFT - 10, bottom - count / bmcs * _HEIGHT + 4, str(count), anchor="end"))
    for row, one in enumerate(power):
        colour = _COLOURS[row % len(_COLOURS)]
        points = [(0.0, 0)] + [(when, number) for number, when in enumerate(sorted(one.done), 1)]
        path = " ".join(
            f"{_LEFT + when / scale * _PLOT:.1f},{bottom - number / bmcs * _HEIGHT:.1f}" for when, number in points
        )
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>\n')
        y = top + 14 + 20 * row
        parts.append(f'<rect x="20" y="{y - 10}" width="14" height="4" fill="{colour}"/>\n')
        parts.append(_text(42, y - 4, f"{one.percent} % dead: {len(one.done)} on"))
    return "".join(parts)


def _axis(ticks: Sequence[float], scale: float, top: int, bottom: int) -> str:
    parts = []
    for tick in ticks:
        x = _LEFT + tick / scale * _PLOT
        parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="#d0d7de"/>\n')
        parts.append(_text(x, bottom + 18, f"{tick:g}", anchor="middle"))
    return "".join(parts)


def _scale(most: float) -> tuple[float, list[float]]:
    """The end of an axis from zero on, and its ticks."""
    rough = most / 5
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    count = math.ceil(most / step)
    return step * count, [round(step * number, 10) for number in range(count + 1)]


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>\n'
