"""The alarms of a training run: measures samples on the device, and creates the monitor that reads these metrics."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.config import Experiment
from jaxgan.datasets import order
from jaxgan.evaluation.alarms import AlarmMonitor, Anchors, Limits, measure
from jaxgan.runs.data import Inputs, conditions_of_data
from jaxgan.training.step import generate
from jaxgan.types import TrainState, stream

ANCHORS = 1_000
"""Number of labelled training examples used to assign samples to classes."""


class Health:
    """Measures a generator's samples at log steps. The attribute `monitor` tracks the alarms.

    Args:
      config: a checked config.
      inputs: the run's data.
      experiment: the run's parts.
    """

    def __init__(self, config: Mapping[str, Any], inputs: Inputs, experiment: Experiment):
        section = config["alarms"]
        self._count, self._real_diversity, real_modes = min(section["samples"], inputs.size), 0.0, 0.0
        if self._count > 1:
            anchors = _anchors(inputs)
            # Arguments of the compiled functions, since XLA takes seconds to compile constants of this size.
            self._num_modes = 0 if anchors is None else anchors.num_modes
            self._points_and_modes = None if anchors is None else jax.device_put((anchors.points, anchors.modes))
            real, _ = _drawn(inputs, self._count, "examples")
            of_real = jax.jit(self._measured, static_argnums=1)(real, 1.0, self._points_and_modes)
            self._real_diversity, real_modes = float(of_real["diversity"]), float(of_real.get("modes", 0.0))
        key = stream(jax.random.key(config["seed"]), "alarms")
        if experiment.task.condition_of is not None:
            experiment = experiment.replace(conditions=conditions_of_data(experiment, inputs, self._count))
        self._condition = experiment.condition(self._count)

        @jax.jit
        def measure_state(state, points_and_modes, condition):
            playing = state.replace(average_params=None)  # the average lags behind
            latents = experiment.latent.sample(key, self._count)
            samples = generate(experiment.generator, playing, latents, condition=condition)
            return self._measured(samples, self._real_diversity, points_and_modes)

        self._measure_state = measure_state
        limits = Limits(**{name: section[name] for name in Limits._fields})
        ignored = ("discriminator_wins",) if experiment.options["loss"].threshold is None else ()
        self.monitor = AlarmMonitor(section["patience"], limits, real_modes, ignored)

    def measure(self, state: TrainState) -> dict[str, jax.Array]:
        """The metrics of a state, computed on the device without waiting for them."""
        return self._measure_state(state, self._points_and_modes, self._condition) if self._count > 1 else {}

    def _measured(self, samples, real_diversity, points_and_modes):
        anchors = points_and_modes and Anchors(points_and_modes[0], points_and_modes[1], self._num_modes)
        return measure(samples, real_diversity, anchors)


def _anchors(inputs: Inputs) -> Anchors | None:
    mixture, classes = inputs.dataset.mixture, inputs.dataset.num_classes
    if mixture is not None:
        return Anchors(mixture.centers, np.arange(len(mixture.centers)), len(mixture.centers))
    examples, labels = _drawn(inputs, min(ANCHORS, inputs.size), "anchors")
    if labels is None or classes is None or len(examples) < 20 * classes:
        return None
    return Anchors(examples.reshape(len(examples), -1), labels, classes)


def _drawn(inputs: Inputs, count: int, subset: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Training examples in the networks' range, and their labels; always the same for the same data."""
    split = inputs.dataset.train
    chosen = np.sort(order.subset(subset, len(split), count))
    return np.asarray(jax.jit(inputs.range.scale)(split.take(chosen))), split.take_labels(chosen)
