"""Many samples of a trained generator, a part at a time."""

from collections.abc import Callable

import jax
import numpy as np

from jaxgan.configuration import Experiment
from jaxgan.parallel import compiled
from jaxgan.state import TrainState
from jaxgan.step import sample

BATCH = 1_000
"""Samples made at once."""

Sampler = Callable[[TrainState, jax.Array, int], np.ndarray]


def sampler(experiment: Experiment) -> Sampler:
    """A function `(state, key, count) -> samples [count, ...]`, float32, in the range of the generator's output.

    The first n samples of a key are the same however many are made.
    """
    draw = compiled(
        lambda state, key, size, condition: sample(
            experiment.generator, state, key, size, latent=experiment.latent, condition=condition
        ),
        static_argnums=2,
    )

    def part(state, key, start, size):
        return draw(state, jax.random.fold_in(key, start), size, experiment.condition(size, start))

    def samples(state: TrainState, key: jax.Array, count: int) -> np.ndarray:
        parts = [
            np.asarray(part(state, key, start, min(BATCH, count - start)), np.float32)
            for start in range(0, count, BATCH)
        ]
        return np.concatenate(parts)

    return samples
