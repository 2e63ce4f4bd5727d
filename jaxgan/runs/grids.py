"""Pictures of samples of a conditional GAN: a row for each condition, the same latents in every row."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.config import Experiment
from jaxgan.figures import is_image
from jaxgan.rng import stream
from jaxgan.training.step import generate
from jaxgan.types import TrainState

COLUMNS = 20
"""At most so many images in a row."""


def columns_of(experiment: Experiment, count: int) -> int | None:
    """Images in a row of a picture of at most `count` samples; None where it has no row for each condition.

    Examples that are no images have none, and neither has a game without a condition, or with a single one. Where there
    are more conditions than images, the picture is a square of the first ones.
    """
    rows = _rows(experiment, count)
    return None if rows < 2 or not is_image(experiment.example_shape) else min(count // rows, COLUMNS)


def picture_inputs(experiment: Experiment, key: jax.Array, count: int) -> tuple[jax.Array, jax.Array | None]:
    """Latents and conditions of a picture's samples, in the order of its rows; a pure function.

    Args:
      experiment: the run's parts.
      key: draws the latents.
      count: how many samples at most.

    Returns:
      [n, dim] and [n, ...]; without rows for conditions n = count, and conditions are in turn, or None.
    """
    columns = columns_of(experiment, count)
    if columns is None:
        return experiment.latent.sample(key, count), experiment.condition(count)
    rows, condition = _rows(experiment, count), experiment.condition(_rows(experiment, count))
    assert condition is not None
    latents = experiment.latent.sample(key, columns)
    return jnp.tile(latents, (rows, 1)), jnp.repeat(condition, columns, axis=0)


def draw_grid(experiment: Experiment, state: TrainState, key: jax.Array, count: int) -> np.ndarray:
    """The samples of such a picture, [n, ...] float32, beside others of the same key."""

    @jax.jit
    def draw(state, key):
        latents, condition = picture_inputs(experiment, stream(key, "condition_grid"), count)
        return generate(experiment.generator, state, latents, condition=condition)

    return np.asarray(draw(state, key), np.float32)


def _rows(experiment: Experiment, count: int) -> int:
    there = 0 if experiment.conditions is None else len(experiment.conditions)
    return there if there <= count else math.isqrt(count)
