"""Priors p_z(z) of the generator's input."""

import math
from collections.abc import Callable
from typing import NamedTuple

import chex
import jax


class Latent(NamedTuple):
    """A prior over latent vectors.

    Attributes:
      sample: `(key, count) -> z [count, dim]`, float32.
      dim: length of z.
    """

    sample: Callable[[chex.PRNGKey, int], chex.Array]
    dim: int


def uniform(dim: int) -> Latent:
    """U(−√3, √3) in every coordinate, so that each has unit variance: the paper's prior for MNIST.

    Source: the authors' code for Goodfellow et al. 2014 (goodfeli/adversarial).
    """
    return _between(-math.sqrt(3), math.sqrt(3), dim)


def uniform_unit(dim: int) -> Latent:
    """U(−1, 1) in every coordinate; variance ⅓."""
    return _between(-1.0, 1.0, dim)


def normal(dim: int) -> Latent:
    """N(0, I): the paper's prior for TFD and CIFAR-10.

    Source: the authors' code for Goodfellow et al. 2014 (goodfeli/adversarial).
    """
    _check_dim(dim)
    return Latent(lambda key, count: jax.random.normal(key, (count, dim)), dim)


def _between(low: float, high: float, dim: int) -> Latent:
    _check_dim(dim)
    return Latent(lambda key, count: jax.random.uniform(key, (count, dim), minval=low, maxval=high), dim)


def _check_dim(dim: int) -> None:
    if dim < 1:
        raise ValueError(f"a latent needs at least one dimension, got dim={dim}")


LATENTS: dict[str, Callable[[int], Latent]] = {
    "uniform": uniform,
    "uniform_unit": uniform_unit,
    "normal": normal,
}
