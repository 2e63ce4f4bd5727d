"""Curves of a run's metrics and scores over its steps."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan.figures.plots import blank_figure, pixels

STYLES = ("-", "--", ":", "-.")
BOTTOM, PANEL = 0.6, 2.0
"""Inches below the panels, and for each."""

COLORS = ("#08519c", "#a63603", "#1b7837", "#54278f")


class Curve(NamedTuple):
    """A metric over the steps.

    Attributes:
      steps: [n].
      values: [n]; what is not finite is left out.
      errors: [n] standard errors, or None.
      reference: a level to draw beside it, of real data say, or None.
    """

    steps: Sequence[float]
    values: Sequence[float]
    errors: Sequence[float] | None = None
    reference: float | None = None


def curves(panels: Mapping[str, Mapping[str, Curve]]) -> np.ndarray:
    """One panel below the other, each with some curves over the same steps.

    Args:
      panels: by title, curves by label; a panel without curves is left out.

    Returns:
      uint8 [height, width, 3].

    Raises:
      ValueError: no panel has a curve.
    """
    panels = {title: lines for title, lines in panels.items() if lines}
    if not panels:
        raise ValueError("there are no curves to draw")
    height = BOTTOM + PANEL * len(panels)
    place = {"left": 0.09, "right": 0.74, "bottom": BOTTOM / height, "top": 1 - 0.3 / height, "hspace": 0.3}
    canvas, axes = blank_figure(
        8, height, len(panels), 1, layout=None, sharex=True, squeeze=False, gridspec_kw=place
    )  # fmt: skip
    for panel, (title, lines) in zip(axes[:, 0], panels.items(), strict=True):
        for number, (label, curve) in enumerate(lines.items()):
            _draw(panel, label, curve, STYLES[number % len(STYLES)], COLORS[number % len(COLORS)])
        panel.set_title(title, fontsize=10, loc="left")
        panel.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        panel.grid(alpha=0.3)
    axes[-1, 0].set_xlabel("training steps")
    return pixels(canvas)


def _draw(axes: Any, label: str, curve: Curve, style: str, color: str) -> None:
    steps, values = np.asarray(curve.steps, np.float64), np.asarray(curve.values, np.float64)
    finite = np.isfinite(values)
    marker = "o" if len(steps) < 20 else None  # a single point has no line
    axes.plot(
        steps[finite], values[finite], style, color=color, linewidth=1.4, marker=marker, markersize=4, label=label
    )
    if curve.errors is not None:
        errors = np.asarray(curve.errors, np.float64)[finite]
        axes.errorbar(steps[finite], values[finite], errors, fmt="none", color=color, capsize=2)
    if curve.reference is not None and np.isfinite(curve.reference):
        axes.axhline(curve.reference, color=color, linestyle=(0, (1, 3)), linewidth=1.4, label=f"{label}, real data")
