"""The spread of a score over the seeds of some settings."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxgan.figures.plots import blank_figure, pixels

ROW, EDGES = 0.42, 1.1
"""Inches for each setting, and around them."""

WIDE = 30.0
"""Positive values whose largest is more than so many times the smallest are drawn on a logarithmic axis."""


class SpreadRow(NamedTuple):
    """One setting.

    Attributes:
      label: beside it; of one line or two.
      mean: over the seeds, or None.
      standard_error: of the mean, or None.
      values: of every seed; None for one without a value.
    """

    label: str
    mean: float | None
    standard_error: float | None
    values: Sequence[float | None]


def spread(rows: Sequence[SpreadRow], *, title: str, reference: float | None = None) -> np.ndarray:
    """Settings below each other: a dot for each seed, and the mean with its standard error.

    Args:
      rows: the first is drawn at the top.
      title: what is measured.
      reference: a level to draw beside them, of real data say, or None.

    Returns:
      uint8 [height, width, 3].

    Raises:
      ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("there are no settings to draw")
    canvas, axes = blank_figure(8, EDGES + ROW * len(rows) + 0.3)
    for place, row in enumerate(rows):
        known = [value for value in row.values if value is not None]
        # Below the mean and apart from each other, so that none hides another.
        shifts = np.linspace(0.04, 0.3, len(known)) if len(known) > 1 else np.full(len(known), 0.17)
        axes.plot(known, place + shifts, "o", color="#6baed6", markersize=5, label="one seed" if not place else None)
        if row.mean is not None:
            label = "mean ± standard error" if not place else None
            axes.errorbar(
                [row.mean], [place - 0.17], xerr=None if row.standard_error is None else [row.standard_error], fmt="D",
                color="#08306b", markersize=5, capsize=4, linewidth=1.6, label=label, zorder=3,
            )  # fmt: skip
        missing = len(row.values) - len(known)
        if missing:
            axes.annotate(
                f"{missing} diverged", (1, place), xycoords=("axes fraction", "data"), xytext=(-4, 0),
                textcoords="offset points", ha="right", va="center", fontsize=8, color="#a63603",
            )  # fmt: skip
    if reference is not None and np.isfinite(reference):
        axes.axvline(reference, color="#1b7837", linestyle=(0, (1, 3)), linewidth=1.4, label="real data")
    values = [value for row in rows for value in row.values if value is not None]
    if values and min(values) > 0 and max(values) > WIDE * min(values):
        axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [row.label for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title(title, fontsize=10, loc="left")
    axes.grid(alpha=0.3, axis="x")
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return pixels(canvas)
