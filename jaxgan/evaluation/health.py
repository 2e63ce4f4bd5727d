"""What is measured of a generator while it trains: on the device, from a few samples, without waiting for it."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxgan.evaluation.distances import first_minimum, squared_distances

SHARE = 0.25
"""A mode counts as hit if it has at least this part of the samples that an even spread would give it."""


class Anchors(NamedTuple):
    """Examples whose modes are known: a sample belongs to the mode of the nearest.

    Attributes:
      points: [anchors, dim]: the centres of a mixture, or labelled examples.
      modes: [anchors] int32: each one's mode, or class.
      kinds: how many modes there are.
    """

    points: chex.Array
    modes: chex.Array
    kinds: int


def diversity(samples: chex.Array) -> chex.Array:
    """Mean distance of each sample to the nearest other: near 0 where a generator repeats itself.

    Args:
      samples: [n, ...], n ≥ 2.

    Returns:
      Scalar, in the samples' unit.
    """
    samples = samples.reshape(len(samples), -1)
    samples = samples - samples.mean(0, keepdims=True)
    distances = squared_distances(samples, samples)
    nearest = first_minimum(jnp.where(jnp.eye(len(samples), dtype=bool), jnp.inf, distances))[1]
    # Once more by differences: the rounding of a product would give copies a distance.
    return jnp.linalg.norm(samples - samples[nearest], axis=1).mean()


def modes_hit(samples: chex.Array, anchors: Anchors) -> chex.Array:
    """How many modes have a fair share of the samples, at least `SHARE` of n/modes.

    Args:
      samples: [n, ...].
      anchors: of the same dimension.

    Returns:
      Scalar float, 0 to `anchors.kinds`.
    """
    samples = samples.reshape(len(samples), -1)
    center = anchors.points.mean(0, keepdims=True)
    nearest = first_minimum(squared_distances(samples - center, anchors.points - center))[1]
    counts = jnp.zeros(anchors.kinds).at[jnp.asarray(anchors.modes)[nearest]].add(1.0)
    return (counts >= SHARE * len(samples) / anchors.kinds).sum().astype(jnp.float32)


def measure(samples: chex.Array, real_diversity: float, anchors: Anchors | None) -> dict[str, jax.Array]:
    """The metrics that the alarms read.

    Args:
      samples: [n, ...], generated.
      real_diversity: `diversity` of n real examples; 0 if unknown, or if these are all alike.
      anchors: None where no modes are known.

    Returns:
      "diversity": relative to the data's, unless that is 0; with anchors "modes".
    """
    metrics = {"diversity": diversity(samples) / real_diversity} if real_diversity else {}
    return metrics if anchors is None else {**metrics, "modes": modes_hit(samples, anchors)}
