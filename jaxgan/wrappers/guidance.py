"""Multi-level noise-perturbed image guidance: a discriminator of all pictures that a generator draws on its way.

A generator of several levels returns its pictures in training, coarsest first, as `DiscriminatorInputs(None, (x_1, …,
x_N))`, and the last one otherwise. The discriminator sees all of them at once. Level i is hidden by noise of deviation
t_i, most of it in the coarsest, so that early layers are asked for the coarse picture only. Real examples are their own
picture at every level.
"""

import math
from collections.abc import Sequence

import chex
import jax
import jax.numpy as jnp

from jaxgan.types import Network, stream


def noise_deviations(levels: int, signal: float = 0.125, floor: float = 0.01) -> tuple[float, ...]:
    """t_i = 1 − s^(1 − i/(N − 1)) + f of the levels i = 0, …, N − 1, which falls from 1 − s + f to f.

    Args:
      levels: N ≥ 2.
      signal: s in (0, 1), the share of the picture in the first level, before the floor.
      floor: f in (0, s).

    Raises:
      ValueError: a number is out of range.

    Source: Hyun et al. 2025 (arXiv:2509.24935), section 3, and its code (hse1032/GAT), with N = 4.
    """
    if levels < 2:
        raise ValueError(f"guidance needs at least 2 levels, got {levels}")
    if not 0 < signal < 1:
        raise ValueError(f"signal must lie in (0, 1), got {signal}")
    if not 0 < floor < signal:
        raise ValueError(f"floor must lie in (0, signal), so that the first level has a signal, got {floor}")
    return tuple(1 - signal ** (1 - i / (levels - 1)) + floor for i in range(levels))


def cumulative_noise(key: chex.PRNGKey, shape: Sequence[int], deviations: Sequence[float]) -> chex.Array:
    """The noise of every level of one example, [levels, *shape], each of the deviation t_i.

    From the last level to the first, n_i = r·n_{i+1} + √(t_i² − r²·t_{i+1}²)·ε_i with r = (1 − t_i)/(1 − t_{i+1}), the
    factor by which the signal shrinks: a level is the next one, scaled down, with more noise.

    Args:
      deviations: t_i in [0, 1), falling.
    """
    # How much of each draw is in each level's noise.
    row, cleaner = [0.0] * len(deviations), 0.0
    weights = []
    for i, t in reversed(list(enumerate(deviations))):
        ratio = (1 - t) / (1 - cleaner)
        row = [ratio * weight for weight in row]
        row[i] = math.sqrt(t**2 - (ratio * cleaner) ** 2)
        weights.append(row)
        cleaner = t
    draws = jax.random.normal(key, (len(deviations), *shape))
    return jnp.tensordot(jnp.array(weights[::-1]), draws, axes=1, precision=jax.lax.Precision.HIGHEST)


def guided(discriminator: Network, levels: int, *, signal: float = 0.125, floor: float = 0.01) -> Network:
    """A discriminator of the pictures of all levels, (1 − t_i)·x_i + n_i, joined along their last axis.

    The noise is in training only, and drawn per example. Behind `augmented`, all pictures of an example are augmented
    alike.

    Args:
      discriminator: any network of examples [batch, ..., levels·channels].
      levels, signal, floor: see `noise_deviations`.

    Returns:
      A `Network` with `per_example`, of tuples of examples [batch, ..., channels], coarsest first, one for each level;
      or of examples, which stand for all levels.

    Raises:
      ValueError: a number is out of range; on use: another number of pictures.

    Source: Hyun et al. 2025 (arXiv:2509.24935), section 3, and its code (hse1032/GAT).
    """
    deviations = noise_deviations(levels, signal, floor)

    def joined(inputs, keys=None):
        pictures = inputs if isinstance(inputs, tuple) else (inputs,) * levels
        if len(pictures) != levels:
            raise ValueError(f"the discriminator sees {levels} levels, and the generator draws {len(pictures)}")
        seen = [(1 - t) * picture for t, picture in zip(deviations, pictures, strict=True)]
        if keys is not None:
            shape, dtype = seen[0].shape[1:], seen[0].dtype
            noise = jax.vmap(lambda key: cumulative_noise(stream(key, "guidance"), shape, deviations))(keys)
            seen = [picture + noise[:, i].astype(dtype) for i, picture in enumerate(seen)]
        return jnp.concatenate(seen, axis=-1)

    def init(key, inputs, condition=None):
        return discriminator.init(key, joined(inputs), condition=condition)

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        seen = joined(inputs, key if train else None)
        inner_key = key if discriminator.per_example or key is None else key[0]
        return discriminator.apply(variables, seen, condition=condition, key=inner_key, train=train)

    # Real examples are arrays and generated ones tuples, which do not make one batch.
    return Network(init, apply, per_example=True, independent=False)
