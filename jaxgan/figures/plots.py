"""Plots: samples as points, histograms and profiles; curves over the steps; the spread of scores over seeds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from jaxgan.figures.images import image_grid, is_image, save_png

MARGIN = 4.0
"""The axes extend this many standard deviations beyond the outermost modes of a mixture."""

NAMED = 20
"""Maximum number of classes in a legend."""

STYLES, COLORS = ("-", "--", ":", "-."), ("#08519c", "#a63603", "#1b7837", "#54278f")

BOTTOM, PANEL = 0.6, 2.0
"""Layout of `curves`: inches below the panels, and per panel."""

ROW, EDGES = 0.42, 1.1
"""Layout of `spread`: inches per setting, and around the settings."""

WIDE = 30.0
"""If all values are positive and max/min exceeds this ratio, the axis is logarithmic."""


class Density(Protocol):
    """A mixture drawn with samples: modes at `centers` [modes, dim] with standard deviation `sigma`.

    `log_density` is log p(x) at points [n, dim], in nats. `jaxgan.datasets.base.Mixture` is one.
    """

    @property
    def centers(self) -> np.ndarray: ...

    @property
    def sigma(self) -> float: ...

    def log_density(self, points: np.ndarray) -> np.ndarray: ...


def save_samples(
    path: str | Path,
    samples: np.ndarray,
    *,
    low: float = 0.0,
    high: float = 1.0,
    mixture: Density | None = None,
    columns: int | None = None,
    labels: np.ndarray | None = None,
) -> None:
    """Draws samples and writes a PNG: a grid of images, points in the plane, a histogram, or profiles.

    Args:
      path: the output file.
      samples: images give a grid; [n, 2] points over the contours of the mixture; [n] or [n, 1] a histogram, with the
        mixture's density; [n, features] one line each (256 at most) over the features, with the median and the middle
        90 %.
      low, high, columns: for images, as in `image_grid`.
      mixture: the true distribution, or None.
      labels: [n], classes that colour points in the plane; None for a single colour.

    Raises:
      UsageError: the file cannot be written.
      ValueError: samples of this shape cannot be drawn.
    """
    samples = np.asarray(samples)
    if samples.ndim == 1:
        samples = samples[:, None]
    if 0 in samples.shape or samples.ndim < 1:
        raise ValueError(f"there is no picture for samples of shape {list(samples.shape)}")
    if is_image(samples.shape[1:]):
        return save_png(path, image_grid(samples, columns=columns, low=low, high=high, scale=None))
    samples = samples.reshape(len(samples), -1).astype(np.float64)
    if samples.shape[1] == 2:
        return save_png(path, _scatter(samples, mixture, labels))
    save_png(path, _histogram(samples, mixture) if samples.shape[1] == 1 else _profiles(samples))


def blank_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, *, layout: Any = "constrained", **options: Any
) -> tuple[Any, Any]:
    """The canvas and the axes (one or an array) of a matplotlib figure that needs no display.

    Args:
      width, height: in inches, at 100 pixels per inch.
      rows, columns: number of axes.
      layout: matplotlib's layout engine; None is faster, if `options` position the axes.
      **options: arguments of `Figure.subplots`.
    """
    # Avoids pyplot, which keeps every figure alive and selects a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout=layout)
    return FigureCanvasAgg(figure), figure.subplots(rows, columns, **options)


def pixels(canvas: Any) -> np.ndarray:
    """A drawn figure as uint8 [height, width, 3], for `save_png`."""
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _bounds(samples: np.ndarray, mixture: Density | None) -> np.ndarray:
    """[dim, 2]: the mixture's extent, equal for all pictures of a run; without a mixture, the samples' middle 98 %."""
    if mixture is not None:
        reach = MARGIN * mixture.sigma
        low, high = mixture.centers.min(0) - reach, mixture.centers.max(0) + reach
    else:
        finite = samples[np.isfinite(samples).all(1)]
        low, high = np.percentile(finite, (1, 99), axis=0) if len(finite) else (finite.sum(0), finite.sum(0) + 1)
    # Axes need a positive width, even if all points are equal.
    edge = 0.12 * max((high - low).max(), 1e-3 * np.abs([low, high]).max(), 1e-6)
    return np.stack([low - edge, high + edge], axis=1).astype(np.float64)


def _title(samples: np.ndarray, bounds: np.ndarray) -> str:
    inside = ((samples >= bounds[:, 0]) & (samples <= bounds[:, 1])).all(1)  # NaN counts as outside
    share = 100 * (1 - inside.mean())
    amount = f"{share:.1f}" if share >= 0.1 else "under 0.1"
    return f"{len(samples):,} samples" + (f", {amount} % outside the axes" if share else "")


def _scatter(samples: np.ndarray, mixture: Density | None, labels: np.ndarray | None) -> np.ndarray:
    bounds = _bounds(samples, mixture)
    canvas, axes = blank_figure(6, 6)
    if mixture is not None:
        x, y = (np.linspace(left, right, 300) for left, right in bounds)
        points = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
        # Contours at 1, 2 and 3 standard deviations from a mode, where p is exp(-s²/2) of its peak.
        peak = mixture.log_density(np.asarray(mixture.centers, np.float64)).max()
        heights = mixture.log_density(points).reshape(300, 300) - peak
        axes.contourf(x, y, heights, levels=[-4.5, -2.0, -0.5, 0.5], colors=["#e8e8e8", "#d4d4d4", "#bdbdbd"])
    size = float(np.clip(12000 / len(samples), 3, 14))
    options = {"s": size, "alpha": 0.6, "linewidths": 0}
    classes = [] if labels is None else np.unique(labels).tolist()
    for i, each in enumerate(classes):
        named = f"class {each}" if len(classes) <= NAMED else "samples" if i == 0 else None
        axes.scatter(*samples[labels == each].T, color=f"C{i % 10}", label=named, **options)
    if labels is None:
        axes.scatter(*samples.T, color="#08519c", label="samples", **options)
    if mixture is not None:
        # Drawn above the samples with a white edge, so that the centre of a covered mode is visible.
        axes.plot(*mixture.centers.T, "+", color="white", markersize=7, markeredgewidth=2.2)
        axes.plot(*mixture.centers.T, "+", color="black", markersize=6, markeredgewidth=1.0, label="modes")
    if mixture is not None or len(classes) > 1:
        legend = axes.figure.legend(loc="outside lower center", ncols=min(len(classes), 4) or 2, frameon=False)
        for handle in legend.legend_handles:
            if hasattr(handle, "set_sizes"):  # the handle of samples, not of modes
                handle.set_sizes([20])
    axes.set(xlim=bounds[0], ylim=bounds[1], aspect="equal", title=_title(samples, bounds))
    return pixels(canvas)


def _histogram(samples: np.ndarray, mixture: Density | None) -> np.ndarray:
    bounds = _bounds(samples, mixture)
    canvas, axes = blank_figure(7, 4.5)
    bins = np.linspace(bounds[0, 0], bounds[0, 1], 81)
    counts = np.histogram(samples[np.isfinite(samples)], bins)[0]
    # Divided by the number of all samples, so the bars lack the mass outside the axes.
    axes.stairs(counts / (len(samples) * np.diff(bins)), bins, fill=True, color="#9ecae1", label="samples")
    if mixture is not None:
        x = np.linspace(bounds[0, 0], bounds[0, 1], 1000)
        axes.plot(x, np.exp(mixture.log_density(x[:, None])), color="black", linewidth=1.5, label="true density")
        axes.legend()
    axes.set(xlim=bounds[0], title=_title(samples, bounds), ylabel="density")
    return pixels(canvas)


def _profiles(samples: np.ndarray) -> np.ndarray:
    canvas, axes = blank_figure(7, 4.5)
    features = np.arange(samples.shape[1])
    finite = samples[np.isfinite(samples).all(1)]
    axes.plot(features, finite[:256].T, color="#08519c", alpha=0.15, linewidth=0.7)
    if len(finite):
        low, middle, high = np.percentile(finite, (5, 50, 95), axis=0)
        axes.plot(features, low, "--", color="black", linewidth=1.2, label="middle 90 %")
        axes.plot(features, high, "--", color="black", linewidth=1.2)
        axes.plot(features, middle, "o-", color="black", markersize=3, label="median")
        axes.legend(loc="upper right", framealpha=0.9)
    odd = len(samples) - len(finite)
    title = f"{len(samples):,} samples" + (f", {odd:,} of them not finite" if odd else "")
    axes.set(title=title, xlabel="feature", ylabel="value")
    axes.xaxis.get_major_locator().set_params(integer=True)
    return pixels(canvas)


class Curve(NamedTuple):
    """A metric over the steps."""

    steps: Sequence[float]
    values: Sequence[float]  # NaN and infinite values are omitted
    errors: Sequence[float] | None = None  # standard errors
    reference: float | None = None  # a reference level, for example of real data


def curves(panels: Mapping[str, Mapping[str, Curve]]) -> np.ndarray:
    """Draws panels of curves over the same steps.

    Args:
      panels: by title, the curves by label; panels without curves are omitted.

    Raises:
      ValueError: no panel has a curve.
    """
    panels = {title: lines for title, lines in panels.items() if lines}
    if not panels:
        raise ValueError("there are no curves to draw")
    height = BOTTOM + PANEL * len(panels)
    place = {"left": 0.09, "right": 0.74, "bottom": BOTTOM / height, "top": 1 - 0.3 / height, "hspace": 0.3}
    options = {"layout": None, "sharex": True, "squeeze": False, "gridspec_kw": place}
    canvas, axes = blank_figure(8, height, len(panels), 1, **options)
    for panel, (title, lines) in zip(axes[:, 0], panels.items(), strict=True):
        for number, (label, curve) in enumerate(lines.items()):
            _draw_curve(panel, label, curve, STYLES[number % len(STYLES)], COLORS[number % len(COLORS)])
        panel.set_title(title, fontsize=10, loc="left")
        panel.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        panel.grid(alpha=0.3)
    axes[-1, 0].set_xlabel("training steps")
    return pixels(canvas)


def _draw_curve(axes: Any, label: str, curve: Curve, style: str, color: str) -> None:
    steps, values = np.asarray(curve.steps, np.float64), np.asarray(curve.values, np.float64)
    finite = np.isfinite(values)
    marker = "o" if len(steps) < 20 else None  # a single point has no line
    options = {"color": color, "linewidth": 1.4, "marker": marker, "markersize": 4, "label": label}
    axes.plot(steps[finite], values[finite], style, **options)
    if curve.errors is not None:
        errors = np.asarray(curve.errors, np.float64)[finite]
        axes.errorbar(steps[finite], values[finite], errors, fmt="none", color=color, capsize=2)
    if curve.reference is not None and np.isfinite(curve.reference):
        axes.axhline(curve.reference, color=color, linestyle=(0, (1, 3)), linewidth=1.4, label=f"{label}, real data")


class SpreadRow(NamedTuple):
    """One setting: the mean over its seeds with its standard error, and each seed's value."""

    label: str  # one or two lines
    mean: float | None
    standard_error: float | None
    values: Sequence[float | None]  # None for a seed without a value


def spread(rows: Sequence[SpreadRow], *, title: str, reference: float | None = None) -> np.ndarray:
    """A plot with one row per setting: a dot per seed, and the mean with its standard error.

    Args:
      rows: from top to bottom.
      title: title of the figure.
      reference: a level, for example of real data, or None.

    Raises:
      ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("there are no settings to draw")
    canvas, axes = blank_figure(8, EDGES + ROW * len(rows) + 0.3)
    for place, row in enumerate(rows):
        known = [value for value in row.values if value is not None]
        # Below the mean and spaced apart, so that all are visible.
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
