"""Priors p_z(z) of the generator's input."""

import math
from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp


class Latent(NamedTuple):
    """A prior over latent vectors.

    Attributes:
      sample: `(key, count) -> z [count, dim]`, float32.
      dim: length of z.
      categories: how many entries, at the start of z, are a one-hot vector.
      continuous: how many entries behind them are codes.
    """

    sample: Callable[[chex.PRNGKey, int], chex.Array]
    dim: int
    categories: int = 0
    continuous: int = 0


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


def truncated_normal(dim: int, bound: float = 2.0) -> Latent:
    """N(0, I) within [−b, b] in every coordinate: samples nearer to the usual, and less varied.

    Args:
      dim: ≥ 1.
      bound: b > 0, in standard deviations.

    Source: Brock et al. 2019 (arXiv:1809.11096), section 3.1, where it is a trick at sampling time.
    """
    _check_dim(dim)
    return Latent(lambda key, count: jax.random.truncated_normal(key, -bound, bound, (count, dim)), dim)


def categorical(dim: int, categories: int = 10, continuous: int = 2) -> Latent:
    """InfoGAN's prior: one of some categories as a one-hot vector, then codes of U(−1, 1), then U(−1, 1) noise.

    Args:
      dim: of all three together, at least `categories` + `continuous`.
      categories: ≥ 1, equally likely.
      continuous: codes, ≥ 0.

    Raises:
      ValueError: there is no room for the codes.

    Source: Chen et al. 2016 (arXiv:1606.03657), section 7.2: 10 categories, 2 codes and 62 of noise for MNIST.
    """
    if dim < categories + continuous or categories < 1:
        raise ValueError(
            f"a latent of {categories} categories and {continuous} codes needs dim for both, got dim={dim}"
        )

    def sample(key, count):
        chosen, rest = jax.random.split(key)
        category = jax.nn.one_hot(jax.random.randint(chosen, (count,), 0, categories), categories)
        return jnp.concatenate([category, jax.random.uniform(rest, (count, dim - categories), minval=-1.0)], axis=1)

    return Latent(sample, dim, categories, continuous)


def linear_path(start: chex.Array, end: chex.Array, count: int) -> chex.Array:
    """Latents on the straight line between two: (1 − t)·start + t·end, t = 0 … 1.

    Args:
      start, end: [dim].
      count: how many, ≥ 2, both ends among them.

    Returns:
      [count, dim].

    Source: figure 3 of Goodfellow et al. 2014 (arXiv:1406.2661).
    """
    t = jnp.linspace(0, 1, count)[:, None]
    return (1 - t) * start[None] + t * end[None]


def spherical_path(start: chex.Array, end: chex.Array, count: int) -> chex.Array:
    """Latents on the great arc between two: sin((1 − t)Ω)/sin Ω·start + sin(tΩ)/sin Ω·end, Ω the angle between them.

    Between two normal latents of many dimensions a straight line passes nearer to the origin than any draw comes; the
    arc does not.

    Args:
      start, end: [dim], not zero.
      count: how many, ≥ 2, both ends among them.

    Returns:
      [count, dim]; the straight line where the two point the same way, or opposite ways, which no one arc joins.

    Source: White 2016 (arXiv:1609.04468), section 2.1.
    """
    cosine = jnp.vdot(start, end) / (jnp.linalg.norm(start) * jnp.linalg.norm(end))
    angle = jnp.arccos(jnp.clip(cosine, -1, 1))
    t = jnp.linspace(0, 1, count)[:, None]
    sine = jnp.sin(angle)
    flat = sine < 1e-4
    safe = jnp.where(flat, 1.0, sine)
    arc = (jnp.sin((1 - t) * angle) * start[None] + jnp.sin(t * angle) * end[None]) / safe
    return jnp.where(flat, linear_path(start, end, count), arc)


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
    "truncated_normal": truncated_normal,
    "categorical": categorical,
}
