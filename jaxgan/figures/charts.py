"""Curves as SVG for web pages: legible text on a telephone, and the page's own colours, light or dark."""

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np

from jaxgan.figures.plots import Curve

WIDTH, HEIGHT = 360, 200
"""Size of a chart, in CSS pixels if its column is that wide. The text is 12 pixels high."""

LEFT, RIGHT, TOP, BOTTOM = 52, 10, 8, 24
"""Margins around the axes."""

HUES = 8
"""Number of colours for curves, the classes c0, c1 …; further curves reuse them with dashes."""

POINTS, MARKED = 300, 20
"""Maximum points of a curve, and the number of points below which each point gets a marker."""

LARGEST = 1e300


def chart(lines: Mapping[str, Curve], label: str) -> str:
    """Draws curves over the steps as an SVG element. The page styles the classes line, c0 …, mark, grid and real.

    Args:
      lines: at least one curve with a point; values that are not finite are left out.
      label: a description in words, for screen readers.
    """
    shown = {name: _finite(curve) for name, curve in lines.items()}
    levels = [c.reference for c in lines.values() if c.reference is not None and math.isfinite(c.reference)]
    ends = [values - errors for _, values, errors in shown.values()]
    ends += [values + errors for _, values, errors in shown.values()] + [np.clip(levels, -LARGEST, LARGEST)]
    every = np.concatenate(ends)
    low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
    edge = 0.06 * (high - low) or max(abs(low), 1e-6) / 10
    low, high = low - edge, high + edge
    last = max((float(steps.max()) for steps, *_ in shown.values() if len(steps)), default=1.0)
    last = last if last > 0 else 1.0

    def x(steps):
        return LEFT + (WIDTH - LEFT - RIGHT) * (steps / last)

    def y(values):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * ((values - low) / (high - low))

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(label)}">']
    for tick in ticks(low, high, 4):
        place = f"{y(tick):.1f}"
        parts.append(f'<path class="grid" d="M{LEFT} {place}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{place}" dy=".35em" text-anchor="end">{tick:.4g}</text>')
    for tick in ticks(0, last, 3):
        anchor = "middle" if x(tick) < WIDTH - RIGHT - 20 else "end"
        parts.append(f'<text x="{x(tick):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{_steps(tick)}</text>')
    for number, (curve, (steps, values, errors)) in enumerate(zip(lines.values(), shown.values(), strict=True)):
        style = _style(number)
        if curve.reference is not None and math.isfinite(curve.reference):
            level = y(min(max(curve.reference, -LARGEST), LARGEST))
            parts.append(f'<path class="real {style}" d="M{LEFT} {level:.1f}H{WIDTH - RIGHT}"/>')
        if not len(steps):
            continue
        points = [f"{a:.1f},{b:.1f}" for a, b in zip(x(steps), y(values), strict=True)]
        parts.append(f'<polyline class="line {style}" points="{" ".join(points)}"/>')
        if len(steps) < MARKED:
            parts += [
                f'<circle class="mark {style}" cx="{a}" cy="{b}" r="2.5"/>' for a, b in (p.split(",") for p in points)
            ]
        if errors.any():
            bars = zip(x(steps), y(values - errors), y(values + errors), strict=True)
            parts.append(f'<path class="line {style}" d="{"".join(f"M{a:.1f} {b:.1f}V{c:.1f}" for a, b, c in bars)}"/>')
    return "".join(parts) + "</svg>"


def key(number: int, kind: str = "line") -> str:
    """The line style of a curve, by number, for a legend; with the kind "real", the style of its reference level."""
    style = f"{kind} {_style(number)}"
    return f'<svg class="key" viewBox="0 0 24 8" aria-hidden="true"><path class="{style}" d="M0 4H24"/></svg>'


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` + 1 round numbers between low and high, which must be finite and different."""
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= most)
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _style(number: int) -> str:
    return f"c{number % HUES}" + (" again" if number >= HUES else "")


def _finite(curve: Curve) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The steps, values and errors to draw. Long curves are reduced to the minimum and maximum of many parts."""
    steps, values = np.asarray(curve.steps, np.float64), np.asarray(curve.values, np.float64)
    errors = np.zeros_like(values) if curve.errors is None else np.nan_to_num(np.asarray(curve.errors, np.float64))
    chosen = np.flatnonzero(np.isfinite(values))
    if len(chosen) > POINTS:
        parts = np.array_split(chosen, (POINTS - 2) // 2)
        extremes = [part[function(values[part])] for part in parts for function in (np.argmin, np.argmax)]
        chosen = np.unique([chosen[0], *extremes, chosen[-1]])
    bounded = np.clip(values[chosen], -LARGEST, LARGEST), np.clip(errors[chosen], 0, LARGEST)
    return steps[chosen], *bounded


def _steps(number: float) -> str:
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (size if letter == 'M' else 1e3):g}{letter}"
    return f"{number:,.6g}"


def in_words(lines: Mapping[str, Curve]) -> str:
    """Where curves start and end: "d_loss 1.39 at step 100, 1.25 at step 15,000"."""
    said: list[str] = []
    for name, curve in lines.items():
        points: Sequence[tuple[float, float]] = [
            (step, value) for step, value in zip(curve.steps, curve.values, strict=True) if math.isfinite(value)
        ]
        ends = dict.fromkeys([points[0], points[-1]]) if points else {}
        said.append(f"{name} " + ", ".join(f"{value:.4g} at step {step:,.0f}" for step, value in ends))
    return "; ".join(said)
