"""The picture of a run's samples, always of the same latents and, if the task shows examples, of the same examples.

With a condition it has a row for each condition, with the same latents in every row.
"""

import math
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import figures
from jaxgan.config import Experiment
from jaxgan.runs.data import Inputs
from jaxgan.tasks import Sheet
from jaxgan.training.step import generate
from jaxgan.types import TrainState, stream

COLUMNS = 20
"""Most images in a row."""

Draw = Callable[[TrainState, jax.Array, Any], jax.Array]
"""`(state, latents, condition) -> examples`."""


def compile_generator(experiment: Experiment) -> Draw:
    """The generator of an experiment, compiled."""
    return jax.jit(
        lambda state, latents, condition: generate(experiment.generator, state, latents, condition=condition)
    )


class SampleGrid:
    """The picture of a generator's samples.

    Args:
      experiment: the run's parts.
      inputs: its data.
      key: draws the latents and everything else that is random.
      count: most examples to generate.
      draw: what `compile_generator` returned.
    """

    def __init__(self, experiment: Experiment, inputs: Inputs, key: jax.Array, count: int, draw: Draw):
        self.range, self.mixture = inputs.range, inputs.dataset.mixture
        self._draw = draw
        self.sheet = sheet_of(experiment, inputs, key, count)
        if self.sheet is not None:
            self._latents, self._condition = self.sheet.latents, self.sheet.condition
            self.columns: int | None = self.sheet.columns
        else:
            given = jax.jit(lambda key: picture_inputs(experiment, key, count))
            self._latents, self._condition = given(key)
            self.columns = columns_of(experiment, count)
        self._labels = self._condition if self.sheet is None and experiment.classes is not None else None

    def samples(self, state: TrainState) -> jax.Array:
        """The generated examples, on the device."""
        return self._draw(state, self._latents, self._condition)

    def image(self, values: np.ndarray, scale: int | None = 1) -> np.ndarray | None:
        """The picture as an array; None if the examples are not images."""
        if self.sheet is not None:
            values = self.sheet.arrange(values)
        if not figures.is_image(values.shape[1:]):
            return None
        return figures.image_grid(values, columns=self.columns, **self.range._asdict(), scale=scale)

    def save(self, path: pathlib.Path, values: np.ndarray) -> None:
        """Writes the picture."""
        if self.sheet is None:
            shown: dict[str, Any] = {**self.range._asdict(), "columns": self.columns}
            labels = None if self._labels is None else np.asarray(self._labels)
            figures.save_samples(path, values, mixture=self.mixture, labels=labels, **shown)
        elif (image := self.image(values, scale=None)) is not None:
            figures.save_png(path, image)


def sheet_of(experiment: Experiment, inputs: Inputs, key: jax.Array, count: int) -> Sheet | None:
    """The sheet of the run's task; None if it has none, or the examples are not images."""
    if experiment.task.sheet is None or not figures.is_image(inputs.facts.example_shape):
        return None
    dataset = inputs.dataset
    split = next(split for split in (dataset.test, dataset.validation, dataset.train) if len(split))
    chosen = np.arange(min(count, len(split)))
    examples = jax.jit(inputs.range.scale)(split.take(chosen))
    return experiment.task.sheet(key, count, np.asarray(examples), experiment.latent)


def columns_of(experiment: Experiment, count: int) -> int | None:
    """Images in a row of a picture of at most `count` samples; None if it has no row for each condition.

    None for data that is not images, and for runs with fewer than two conditions. With more conditions than images, the
    picture is a square of the first ones.
    """
    rows = _rows(experiment, count)
    return None if rows < 2 or not figures.is_image(experiment.example_shape) else min(count // rows, COLUMNS)


def picture_inputs(experiment: Experiment, key: jax.Array, count: int) -> tuple[jax.Array, jax.Array | None]:
    """Latents [n, dim] and conditions [n, ...] or None of at most `count` samples, in the order of the rows."""
    columns = columns_of(experiment, count)
    if columns is None:
        return experiment.latent.sample(key, count), experiment.condition(count)
    rows, condition = _rows(experiment, count), experiment.condition(_rows(experiment, count))
    assert condition is not None
    latents = experiment.latent.sample(key, columns)
    return jnp.tile(latents, (rows, 1)), jnp.repeat(condition, columns, axis=0)


def draw_grid(experiment: Experiment, state: TrainState, key: jax.Array, count: int) -> np.ndarray:
    """The samples of a picture with a row for each condition, [n, ...] float32, from latents of their own."""

    @jax.jit
    def draw(state, key):
        latents, condition = picture_inputs(experiment, stream(key, "condition_grid"), count)
        return generate(experiment.generator, state, latents, condition=condition)

    return np.asarray(draw(state, key), np.float32)


def _rows(experiment: Experiment, count: int) -> int:
    conditions = 0 if experiment.conditions is None else len(experiment.conditions)
    return conditions if conditions <= count else math.isqrt(count)
