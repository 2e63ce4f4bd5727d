"""Many samples of a trained generator, a part at a time."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxgan.configuration import Experiment
from jaxgan.parallel import compiled
from jaxgan.state import TrainState
from jaxgan.step import generate, sample

BATCH = 1_000
"""Samples made at once."""

Sampler = Callable[[TrainState, jax.Array, int], np.ndarray]


Completer = Callable[[TrainState, jax.Array, Any], np.ndarray]


def completer(experiment: Experiment) -> Completer:
    """A function `(state, latents [n, dim], condition) -> examples [n, ...]`, float32, a part at a time."""
    draw = compiled(
        lambda state, latents, condition: generate(experiment.generator, state, latents, condition=condition)
    )

    def examples(state: TrainState, latents: jax.Array, condition: Any) -> np.ndarray:
        parts = []
        for start in range(0, len(latents), BATCH):
            rows = slice(start, start + BATCH)
            given = jax.tree.map(lambda leaf, rows=rows: leaf[rows], (latents, condition))
            parts.append(np.asarray(draw(state, *given), np.float32))
        return np.concatenate(parts)

    return examples


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
