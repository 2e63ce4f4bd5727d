"""The alarms of a training run: what is measured for them, on the device, and which end the run."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.config import Experiment
from jaxgan.datasets import order
from jaxgan.datasets.base import Split
from jaxgan.evaluation.alarms import Limits, Watch
from jaxgan.evaluation.health import Anchors, measure
from jaxgan.rng import stream
from jaxgan.runs.data import Inputs
from jaxgan.training.step import generate
from jaxgan.types import TrainState

ANCHORS = 1_000
"""Labelled training examples that tell the classes of samples."""


class Health:
    """Measures a generator's samples at log steps; without patience it measures nothing.

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
        kinds = 0 if anchors is None else anchors.kinds
        # The arrays as arguments, since constants of this size take XLA seconds to compile.
        given = None if anchors is None else jax.device_put((anchors.points, anchors.modes))

        def measured(samples, real_diversity, given):
            return measure(samples, real_diversity, None if given is None else Anchors(given[0], given[1], kinds))

        found = jax.jit(measured, static_argnums=1)(real, 1.0, given)
        self.real_modes = float(found.get("modes", 0.0))
        real_diversity = float(found["diversity"])
        key = stream(jax.random.key(config["seed"]), "alarms")

        @jax.jit
        def measure_state(state, given):
            playing = state.replace(average_params=None)  # the average lags behind the game
            latents, condition = experiment.latent.sample(key, count), experiment.condition(count)
            samples = generate(experiment.generator, playing, latents, condition=condition)
            return measured(samples, real_diversity, given)

        self._measure = functools.partial(measure_state, given=given)

    def measure(self, state: TrainState) -> dict[str, jax.Array]:
        """The metrics of a state, on the device: nothing here waits for them."""
        return {} if self._measure is None else self._measure(state)

    def watch(self, lines: Iterable[Mapping[str, Any]]) -> Watch:
        """The alarms as the lines of the run so far leave them."""
        section = self.config["alarms"]
        limits = Limits(**{name: section[name] for name in Limits._fields})
        watch = Watch(section["patience"], limits, self.real_modes, self._ignored)
        for line in lines:
            watch.observe(line)
        return watch


def stopped_by(config: Mapping[str, Any], warnings: Iterable[str]) -> str | None:
    """The first alarm set off that is to end the run."""
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
