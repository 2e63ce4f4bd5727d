"""Alarms: rules on a run's metrics that detect failures of GAN training, each with the settings that may help.

An alarm is a pure function of the lines logged so far, so a resumed run restores its alarms from them.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxgan.evaluation.distances import first_minimum, squared_distances
from jaxgan.tables import Table

SHARE = 0.25
"""A mode counts as hit if it has at least this fraction of the samples that an even spread would give it."""

Line = Mapping[str, float]
"""The means of a log line, by metric."""


class Limits(NamedTuple):
    """Thresholds of the alarms; fields of `config.alarms`."""

    d_accuracy: float = 0.99
    gradient: float = 1e-2
    diversity: float = 0.2
    modes: float = 0.8


class History(NamedTuple):
    """A logged line, and the largest value of each metric in the lines before it.

    Attributes:
      real_modes: number of modes hit by an equal number of real examples.
    """

    line: Line
    largest: Line
    limits: Limits
    real_modes: float

    def rises(self, metric: str) -> bool:
        """Whether the metric exceeds all earlier values. While it improves, a low value is not a failure."""
        return self.line[metric] > self.largest.get(metric, -math.inf)


class Alarm(NamedTuple):
    """A failure of training, and settings that may help.

    Attributes:
      metric: the metric that it reads; if this is not logged, the alarm is never on.
      triggered: `(history) -> bool` for one line.
      message: a format string with the fields of `History`, `value` (of the metric) and `lines`.
    """

    metric: str
    triggered: Callable[[History], bool]
    message: str
    remedy: str


def discriminator_wins(history: History) -> bool:
    """D classifies nearly all examples correctly, so G learns nothing from it."""
    return history.line["d_accuracy"] > history.limits.d_accuracy


def vanishing_gradient(history: History) -> bool:
    """G's gradient is a tiny fraction of its largest, or 0."""
    norm = history.line["g_gradient_norm"]
    return norm == 0 or norm < history.limits.gradient * history.largest.get("g_gradient_norm", norm)


def low_diversity(history: History) -> bool:
    """Samples are much closer together than examples of the data, and do not move apart."""
    return history.line["diversity"] < history.limits.diversity and not history.rises("diversity")


def lost_modes(history: History) -> bool:
    """Modes that were hit are no longer hit; or half of the data's modes are missing, and the number does not grow."""
    modes = history.line["modes"]
    lost = modes < history.limits.modes * history.largest.get("modes", modes)
    return lost or (modes < 0.5 * history.real_modes and not history.rises("modes"))


ALARMS: dict[str, Alarm] = Table("alarm") | {
    "discriminator_wins": Alarm(
        "d_accuracy",
        discriminator_wins,
        "the discriminator wins: its accuracy, {value:.4f}, has been above {limits.d_accuracy:g} for {lines} log lines",
        "lower discriminator_optimizer.learning_rate or discriminator.keep_input, or raise generator_steps",
    ),
    "vanishing_gradient": Alarm(
        "g_gradient_norm",
        vanishing_gradient,
        "the generator's gradient vanishes: its norm, {value:.2g}, has been 0, or below {limits.gradient:g} of its "
        "largest, {largest[g_gradient_norm]:.2g}, for {lines} log lines",
        "use loss=non_saturating, or lower discriminator_optimizer.learning_rate",
    ),
    "low_diversity": Alarm(
        "diversity",
        low_diversity,
        "the samples repeat themselves: distances between them, {value:.2g} of the data's, have been below "
        "{limits.diversity:g} for {lines} log lines",
        "lower generator_optimizer.learning_rate, or raise discriminator_steps or batch_size",
    ),
    "lost_modes": Alarm(
        "modes",
        lost_modes,
        "modes are lost: the samples hit {value:g}, and at most {largest[modes]:g} so far, of the data's "
        "{real_modes:g}, for {lines} log lines",
        "raise discriminator_steps, batch_size or latent.dim, or lower generator_optimizer.learning_rate",
    ),
}


class AlarmMonitor:
    """Tracks which alarms are on, given the logged lines of a run.

    Args:
      patience: number of consecutive triggering lines that turn an alarm on; 0 disables all alarms.
      limits, real_modes: as in `History`; `real_modes` is 0 if unknown.
      ignored: names of alarms that do not apply to this run.
    """

    def __init__(self, patience: int, limits: Limits, real_modes: float, ignored: tuple[str, ...] = ()):
        self.patience, self.limits, self.real_modes = patience, limits, real_modes
        self.alarms = {name: alarm for name, alarm in ALARMS.items() if name not in ignored} if patience else {}
        self.streaks = dict.fromkeys(self.alarms, 0)
        self.largest: dict[str, float] = {}

    def observe(self, line: Line) -> dict[str, str]:
        """Reads the next line. Returns the warnings of the alarms that it turns on, by name."""
        # The metrics file contains null for values that are not finite.
        known = {n: value for n, value in line.items() if isinstance(value, int | float) and math.isfinite(value)}
        history = History(known, self.largest, self.limits, self.real_modes)
        warnings = {}
        for name, alarm in self.alarms.items():
            triggered = alarm.metric in known and alarm.triggered(history)
            self.streaks[name] = self.streaks[name] + 1 if triggered else 0
            if self.streaks[name] == self.patience:
                shown = history._replace(largest=known | self.largest)  # on the first line, no earlier values exist
                message = alarm.message.format(value=known[alarm.metric], lines=self.patience, **shown._asdict())
                warnings[name] = f"{name}: {message}; {alarm.remedy}"
        self.largest |= {name: max(value, self.largest.get(name, value)) for name, value in known.items()}
        return warnings

    def metrics(self) -> dict[str, int]:
        """1 for each alarm that is on, else 0."""
        return {f"alarm_{name}": int(streak >= self.patience) for name, streak in self.streaks.items()}


class Anchors(NamedTuple):
    """Examples [anchors, dim] with known modes [anchors]. A sample belongs to the mode of the nearest anchor."""

    points: chex.Array
    modes: chex.Array
    num_modes: int


def diversity(samples: chex.Array) -> chex.Array:
    """Mean distance of n ≥ 2 samples [n, ...] to their nearest neighbours: near 0 if a generator repeats itself."""
    samples = samples.reshape(len(samples), -1)
    samples = samples - samples.mean(0, keepdims=True)
    distances = squared_distances(samples, samples)
    nearest = first_minimum(jnp.where(jnp.eye(len(samples), dtype=bool), jnp.inf, distances))[1]
    # Recomputed from differences: rounding in the matrix product would give copies a nonzero distance.
    return jnp.linalg.norm(samples - samples[nearest], axis=1).mean()


def modes_hit(samples: chex.Array, anchors: Anchors) -> chex.Array:
    """The number of modes with a fair share of the samples [n, ...], at least `SHARE` of n/modes; a float."""
    samples = samples.reshape(len(samples), -1)
    center = anchors.points.mean(0, keepdims=True)
    nearest = first_minimum(squared_distances(samples - center, anchors.points - center))[1]
    counts = jnp.zeros(anchors.num_modes).at[jnp.asarray(anchors.modes)[nearest]].add(1.0)
    return (counts >= SHARE * len(samples) / anchors.num_modes).sum().astype(jnp.float32)


def measure(samples: chex.Array, real_diversity: float, anchors: Anchors | None) -> dict[str, jax.Array]:
    """The sample metrics that the alarms read. They are computed on the device, without waiting for them.

    Args:
      samples: [n, ...], generated examples.
      real_diversity: `diversity` of n real examples, which divides that of the samples; 0 omits the metric.
      anchors: None if the modes are unknown, which omits "modes".
    """
    metrics = {"diversity": diversity(samples) / real_diversity} if real_diversity else {}
    return metrics if anchors is None else {**metrics, "modes": modes_hit(samples, anchors)}
