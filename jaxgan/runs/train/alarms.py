"""The alarms of a training run: measures samples on the device, and decides which alarms stop the run."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.config import Experiment
from jaxgan.datasets import order
from jaxgan.datasets.base import Split
from jaxgan.evaluation.alarms import AlarmMonitor, Anchors, Limits, measure
from jaxgan.runs.data import Inputs
from jaxgan.training.step import generate
from jaxgan.types import TrainState, stream

ANCHORS = 1_000
"""Labelled training examples, by which samples are assigned to classes."""


class Health:
    """Measures a generator's samples at log steps, unless `alarms.patience` is 0.

    Args:
      config: a checked config.
      inputs: the run's data.
      experiment: the run's parts.
    """

    def __init__(self, config: Mapping[str, Any], inputs: Inputs, experiment: Experiment):
        self.config = config
        self._ignored = ("discriminator_wins",) if experiment.options["loss"].threshold is None else ()
        section = config["alarms"]
        self.real_modes = 0.0
        self._measure: Callable[[TrainState], dict[str, jax.Array]] | None = None
        if not section["patience"]:
            return
        count = min(section["samples"], inputs.size)
        if count < 2:
            return
        real, _ = _drawn(inputs, count, "examples")
        anchors = _anchors(inputs)
        num_modes = 0 if anchors is None else anchors.num_modes
        # The arrays are arguments, since XLA takes seconds to compile constants of this size.
        points_and_modes = None if anchors is None else jax.device_put((anchors.points, anchors.modes))

        def measured(samples, real_diversity, points_and_modes):
            known = points_and_modes and Anchors(points_and_modes[0], points_and_modes[1], num_modes)
            return measure(samples, real_diversity, known)

        of_real = jax.jit(measured, static_argnums=1)(real, 1.0, points_and_modes)
        self.real_modes = float(of_real.get("modes", 0.0))
        real_diversity = float(of_real["diversity"])
        key = stream(jax.random.key(config["seed"]), "alarms")

        @jax.jit
        def measure_state(state, points_and_modes):
            playing = state.replace(average_params=None)  # the average lags behind
            latents, condition = experiment.latent.sample(key, count), experiment.condition(count)
            samples = generate(experiment.generator, playing, latents, condition=condition)
            return measured(samples, real_diversity, points_and_modes)

        self._measure = functools.partial(measure_state, points_and_modes=points_and_modes)

    def measure(self, state: TrainState) -> dict[str, jax.Array]:
        """The metrics of a state, on the device, without waiting for them."""
        return {} if self._measure is None else self._measure(state)

    def watch(self, lines: Iterable[Mapping[str, Any]]) -> AlarmMonitor:
        """The monitor of the alarms, after the lines that the run has logged so far."""
        section = self.config["alarms"]
        limits = Limits(**{name: section[name] for name in Limits._fields})
        monitor = AlarmMonitor(section["patience"], limits, self.real_modes, self._ignored)
        for line in lines:
            monitor.observe(line)
        return monitor


def stopped_by(config: Mapping[str, Any], warnings: Iterable[str]) -> str | None:
    """The first of the alarms that turned on and, by `alarms.stop`, end the run."""
    return next((name for name in warnings if name in config["alarms"]["stop"]), None)


def _anchors(inputs: Inputs) -> Anchors | None:
    mixture, classes = inputs.dataset.mixture, inputs.dataset.num_classes
    if mixture is not None:
        return Anchors(mixture.centers, np.arange(len(mixture.centers)), len(mixture.centers))
    examples, labels = _drawn(inputs, min(ANCHORS, inputs.size), "anchors")
    if labels is None or classes is None or len(examples) < 20 * classes:
        return None
    return Anchors(examples.reshape(len(examples), -1), labels, classes)


def _drawn(inputs: Inputs, count: int, subset: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Training examples in the networks' range, and their labels; always the same of the same data."""
    split: Split = inputs.dataset.train
    chosen = np.sort(order.subset(subset, len(split), count))
    return np.asarray(jax.jit(inputs.range.scale)(split.take(chosen))), split.take_labels(chosen)
