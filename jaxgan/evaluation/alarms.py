"""Alarms: rules on the metrics of a run that tell an ill GAN, each with the config's fields that may cure it.

An alarm is a pure function of the lines logged so far, so a run that resumes knows from them which alarms are on.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

Line = Mapping[str, float]
"""The means of a log line, by metric."""


class Limits(NamedTuple):
    """From where on a metric is ill; fields of `config.alarms`."""

    d_accuracy: float = 0.99
    gradient: float = 1e-2
    diversity: float = 0.2
    modes: float = 0.8


class Seen(NamedTuple):
    """What an alarm judges.

    Attributes:
      line: the line's metrics.
      largest: the largest values of the lines before it, by metric; without those that are new.
      limits: from where on a metric is ill.
      real_modes: modes that as many real examples hit.
    """

    line: Line
    largest: Line
    limits: Limits
    real_modes: float

    def rises(self, metric: str) -> bool:
        """Whether the metric has never been so large: a young generator is poor, and not ill while it improves."""
        return self.line[metric] > self.largest.get(metric, -math.inf)


class Alarm(NamedTuple):
    """An illness.

    Attributes:
      metric: that it judges; without it the alarm is never on.
      ill: `(seen) -> bool`.
      sign: what is seen; a format of what `Seen` has, of `value`, the metric's, and of `lines`.
      remedy: what may help, by names of config fields.
    """

    metric: str
    ill: Callable[[Seen], bool]
    sign: str
    remedy: str


def discriminator_wins(seen: Seen) -> bool:
    """D tells all examples apart, and its answers teach G nothing."""
    return seen.line["d_accuracy"] > seen.limits.d_accuracy


def vanishing_gradient(seen: Seen) -> bool:
    """G's gradient is a tiny part of what it was, or nothing from the beginning."""
    norm = seen.line["g_gradient_norm"]
    return norm == 0 or norm < seen.limits.gradient * seen.largest.get("g_gradient_norm", norm)


def low_diversity(seen: Seen) -> bool:
    """Samples lie much closer together than examples of the data, and do not move apart."""
    return seen.line["diversity"] < seen.limits.diversity and not seen.rises("diversity")


def lost_modes(seen: Seen) -> bool:
    """Modes that were hit no longer are; or half of the data's never were, and no more are coming."""
    modes = seen.line["modes"]
    lost = modes < seen.limits.modes * seen.largest.get("modes", modes)
    return lost or (modes < 0.5 * seen.real_modes and not seen.rises("modes"))


ALARMS: dict[str, Alarm] = {
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


class Watch:
    """Which alarms are on, from the lines of a run.

    Args:
      patience: log lines in a row for which a metric must be ill; 0 watches nothing.
      limits: from where on it is.
      real_modes: modes that as many real examples hit as there are samples; 0 if unknown.
      ignored: names of alarms that make no sense for this run.
    """

    def __init__(self, patience: int, limits: Limits, real_modes: float, ignored: tuple[str, ...] = ()):
        self.patience, self.limits, self.real_modes = patience, limits, real_modes
        self.alarms = {name: alarm for name, alarm in ALARMS.items() if name not in ignored} if patience else {}
        self.streaks = dict.fromkeys(self.alarms, 0)
        self.largest: dict[str, float] = {}

    def observe(self, line: Line) -> dict[str, str]:
        """Takes the next line.

        Returns:
          The warnings of the alarms that this line has set off, by name: what is seen; what to do.
        """
        # Not a null, as the file has for what is not finite; nor that itself.
        known = {n: value for n, value in line.items() if isinstance(value, int | float) and math.isfinite(value)}
        seen = Seen(known, self.largest, self.limits, self.real_modes)
        warnings = {}
        for name, alarm in self.alarms.items():
            ill = alarm.metric in known and alarm.ill(seen)
            self.streaks[name] = self.streaks[name] + 1 if ill else 0
            if self.streaks[name] == self.patience:
                shown = seen._replace(largest=known | self.largest)  # of the first line nothing is known before
                sign = alarm.sign.format(value=known[alarm.metric], lines=self.patience, **shown._asdict())
                warnings[name] = f"{name}: {sign}; {alarm.remedy}"
        self.largest = {**self.largest, **{n: max(v, self.largest.get(n, v)) for n, v in known.items()}}
        return warnings

    def metrics(self) -> dict[str, int]:
        """1 for each alarm that is on, else 0."""
        return {f"alarm_{name}": int(streak >= self.patience) for name, streak in self.streaks.items()}
