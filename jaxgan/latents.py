"""Priors p_z(z) of the generator's input."""

import functools
import math
from collections.abc import Callable
from typing import Annotated, Any

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.fields import Count, Field, Size, Weight, check_count
from jaxgan.tables import Table
from jaxgan.types import Latent, linear, of_norm
from jaxgan.wrappers import learned_mixture

TRUNCATED_AT = 2.0
"""Truncation bound of a normal latent at ψ = 1.

Source: Brock et al. 2019 (arXiv:1809.11096), figure 2, whose thresholds are 2, 1, .5 and .04.
"""


def uniform(dim: Count) -> Latent:
    """U(−√3, √3) in each coordinate, which has unit variance: the paper's prior for MNIST.

    Source: the authors' code for Goodfellow et al. 2014 (goodfeli/adversarial).
    """
    return _between(math.sqrt(3), dim)


def uniform_unit(dim: Count) -> Latent:
    """U(−1, 1) in each coordinate; variance ⅓."""
    return _between(1.0, dim)


def normal(dim: Count) -> Latent:
    """N(0, I): the paper's prior for TFD and CIFAR-10.

    Source: the authors' code for Goodfellow et al. 2014 (goodfeli/adversarial).
    """
    _check(dim)

    def truncated(psi):
        return truncated_normal(dim, TRUNCATED_AT * psi)

    def sample(key, count):
        return jax.random.normal(key, (count, dim))

    def recipe():
        return (_part("normal", dim),)

    return Latent(sample, dim, from_normal=lambda u: u, path=spherical, truncated=truncated, recipe=recipe)


def truncated_normal(dim: Count, bound: Annotated[float, Field(low=0, open_low=True)] = 2.0) -> Latent:
    """N(0, I) restricted to [−b, b] in each coordinate, b > 0: more typical and less varied samples.

    Source: Brock et al. 2019 (arXiv:1809.11096), section 3.1, where it is applied at sampling time.
    """
    _check(dim)

    def from_normal(u):  # 2Φ(z) − 1 = erf(z/√2); restricted to the bounds, this is a fraction of its value for u
        inside = math.erf(bound / math.sqrt(2)) * jax.lax.erf(u / math.sqrt(2))
        return math.sqrt(2) * jax.lax.erf_inv(inside)

    def sample(key, count):
        return jax.random.truncated_normal(key, -bound, bound, (count, dim))

    def truncated(psi):
        return truncated_normal(dim, psi * bound)

    def recipe():
        return (_part("normal", dim, bound=float(bound)),)

    return Latent(sample, dim, bound=bound, from_normal=from_normal, path=spherical, truncated=truncated, recipe=recipe)


def sphere(dim: Count) -> Latent:
    """Uniform on the sphere of radius √dim, so each coordinate has unit variance.

    All latents have the same norm, so distances between them, and between codes of an encoder, depend only on angles.

    Raises:
      ValueError: dim is 1, in which case the sphere has only two points.

    Source: Karras et al. 2018 (arXiv:1710.10196), appendix A.1; White 2016 (arXiv:1609.04468), section 2.1.
    """
    _check(dim)
    if dim == 1:
        raise ValueError("a sphere needs at least two dimensions, got dim=1")
    radius = math.sqrt(dim)
    from_normal = functools.partial(of_norm, radius=radius)

    def sample(key, count):
        return from_normal(jax.random.normal(key, (count, dim)))

    def recipe():
        return (_part("sphere", dim, radius=radius),)

    return Latent(sample, dim, from_normal=from_normal, radius=radius, path=spherical, recipe=recipe)


def categorical(dim: Count, categories: Count = 10, continuous: Size = 2) -> Latent:
    """InfoGAN's prior: a category as a one-hot vector, then codes from U(−1, 1), then noise from U(−1, 1).

    Args:
      dim: total dimension, at least `categories` + `continuous`.
      categories: number of equally likely categories, ≥ 1.
      continuous: number of codes, ≥ 0.

    Raises:
      ValueError: `dim` is too small for the codes.

    Source: Chen et al. 2016 (arXiv:1606.03657), section 7.2: 10 categories, 2 codes and 62 noise variables for MNIST.
    """
    _check(dim)
    if dim < categories + continuous or categories < 1:
        raise ValueError(
            f"a latent of {categories} categories and {continuous} codes needs dim for both, got dim={dim}"
        )
    return _categorical(dim, categories, continuous, 1.0)


def _categorical(dim: int, categories: int, continuous: int, bound: float) -> Latent:
    """`categorical` with codes and noise from U(−bound, bound)."""

    def sample(key, count):
        chosen, rest = jax.random.split(key)
        category = jax.nn.one_hot(jax.random.randint(chosen, (count,), 0, categories), categories)
        others = jax.random.uniform(rest, (count, dim - categories), minval=-bound, maxval=bound)
        return jnp.concatenate([category, others], axis=1)

    def truncated(psi):
        return _categorical(dim, categories, continuous, psi * bound)

    def recipe():
        rest = dim - categories
        uniform = _part("uniform", rest, low=-float(bound), high=float(bound))
        return _part("one_hot", categories), *((uniform,) if rest else ())

    return Latent(sample, dim, categories, continuous, bound=1.0, truncated=truncated, recipe=recipe)


def mixture(
    dim: Count,
    components: Count = 50,
    spread: Annotated[float, Field(low=0, open_low=True)] = 1.0,
    deviation: Annotated[float, Field(low=0, open_low=True)] = 0.2,
    learn_deviation: bool = True,
    deviation_penalty: Annotated[Weight, Field(low=0, off=0.0, needs={"learn_deviation": None})] = 0.1,
) -> Latent:
    """A mixture of N equally likely Gaussians whose means and deviations the generator learns: DeLiGAN.

    A latent consists of the component as a one-hot vector, and ε ~ N(0, I). The generator computes z = μ_k + σ_k·ε from
    it, see `learned_mixture`.

    Args:
      dim: dimension of ε, and so of z.
      components: N ≥ 1.
      spread: s > 0; the means are initialised from U(−s, s).
      deviation: initial value of every σ.
      learn_deviation: whether σ is learned; otherwise it stays constant.
      deviation_penalty: λ ≥ 0: adds the gradient of λ·mean (1 − σ)² to the generator's, see `deviation_penalty`.

    Source: Gurumurthy et al. 2017 (arXiv:1706.02071).
    """
    _check(dim, components)

    def sample(key, count):
        chosen, noise = jax.random.split(key)
        component = jax.nn.one_hot(jax.random.randint(chosen, (count,), 0, components), components)
        return jnp.concatenate([component, jax.random.normal(noise, (count, dim))], axis=1)

    def generator(network):
        return learned_mixture.learned_mixture(
            network, components, dim, spread=spread, deviation=deviation, learn_deviation=learn_deviation
        )

    def generator_tx(tx):
        return optax.chain(learned_mixture.deviation_penalty(deviation_penalty), tx)

    def path(start, end, t):
        (first, noise), (last, other) = (jnp.split(latent, [components], axis=-1) for latent in (start, end))
        return jnp.concatenate([linear(first, last, t), spherical(noise, other, t)], axis=-1)

    off = not learn_deviation or (isinstance(deviation_penalty, int | float) and deviation_penalty == 0)
    tx = None if off else generator_tx
    return Latent(
        sample,
        components + dim,
        categories=components,
        path=path,
        generator=generator,
        generator_tx=tx,
        recipe=lambda: (_part("one_hot", components), _part("normal", dim)),
    )


def fixed_mixture(
    dim: Count,
    components: Count = 50,
    spread: Annotated[float, Field(low=0, open_low=True)] = 1.0,
    deviation: Annotated[float, Field(low=0, open_low=True)] = 0.2,
) -> Latent:
    """A fixed mixture of N equally likely Gaussians: z = μ_k + σ·ε, with all μ_k drawn once from U(−s, s).

    The means are the same in every run with the same numbers of components and dimensions.

    Source: Ben-Yosef and Weinshall 2018 (arXiv:1808.10356), the static mixture.
    """
    _check(dim, components)

    def means():
        return jax.random.uniform(jax.random.key(0), (components, dim), minval=-spread, maxval=spread)

    def sample(key, count):
        chosen, noise = jax.random.split(key)
        component = jax.random.randint(chosen, (count,), 0, components)
        return means()[component] + deviation * jax.random.normal(noise, (count, dim))

    def recipe():
        return (_part("mixture", dim, means=means().tolist(), deviation=float(deviation)),)

    return Latent(sample, dim, recipe=recipe)


def linear_path(start: chex.Array, end: chex.Array, count: int) -> chex.Array:
    """Latents on the straight line between two latents: (1 − t)·start + t·end, t = 0 … 1.

    Args:
      start, end: [dim].
      count: number of latents, ≥ 2, including both ends.

    Source: figure 3 of Goodfellow et al. 2014 (arXiv:1406.2661).
    """
    return linear(start[None], end[None], jnp.linspace(0, 1, count)[:, None])


def spherical(start: chex.Array, end: chex.Array, t: chex.Numeric) -> chex.Array:
    """The point sin((1 − t)Ω)/sin Ω·start + sin(tΩ)/sin Ω·end between two latents [..., dim]; see `spherical_path`.

    Args:
      start, end: [..., dim].
      t: [..., 1] or a scalar, in [0, 1].
    """
    product = (start * end).sum(-1, keepdims=True)
    cosine = product / (jnp.linalg.norm(start, axis=-1, keepdims=True) * jnp.linalg.norm(end, axis=-1, keepdims=True))
    angle = jnp.arccos(jnp.clip(cosine, -1, 1))
    sine = jnp.sin(angle)
    flat = sine < 1e-4
    safe = jnp.where(flat, 1.0, sine)
    arc = (jnp.sin((1 - t) * angle) * start + jnp.sin(t * angle) * end) / safe
    return jnp.where(flat, linear(start, end, t), arc)


def spherical_path(start: chex.Array, end: chex.Array, count: int) -> chex.Array:
    """Latents on the great arc between two: sin((1 − t)Ω)/sin Ω·start + sin(tΩ)/sin Ω·end; Ω is the angle between them.

    A straight line between two high-dimensional normal latents passes closer to the origin than samples of the prior
    are. The arc does not.

    If the two latents point in the same or in opposite directions, the path is a straight line, because no unique arc
    joins them.

    Source: White 2016 (arXiv:1609.04468), section 2.1.
    """
    return spherical(start[None], end[None], jnp.linspace(0, 1, count)[:, None])


def _between(bound: float, dim: int) -> Latent:
    _check(dim)

    def from_normal(u):  # 2Φ(u) − 1 is uniform on (−1, 1)
        return bound * jax.lax.erf(u / math.sqrt(2))

    def sample(key, count):
        return jax.random.uniform(key, (count, dim), minval=-bound, maxval=bound)

    def truncated(psi):
        return _between(psi * bound, dim)

    def recipe():
        return (_part("uniform", dim, low=-bound, high=bound),)

    return Latent(sample, dim, bound=bound, from_normal=from_normal, truncated=truncated, recipe=recipe)


def _part(distribution: str, size: int, **numbers: Any) -> dict[str, Any]:
    """One part of a latent's recipe."""
    return {"distribution": distribution, "size": int(size), **numbers}


def _check(dim: int, components: int = 1) -> None:
    check_count("dim", dim, 1)
    check_count("components", components, 1)


LATENTS: dict[str, Callable[..., Latent]] = Table("latent") | {
    "uniform": uniform,
    "uniform_unit": uniform_unit,
    "normal": normal,
    "truncated_normal": truncated_normal,
    "sphere": sphere,
    "categorical": categorical,
    "mixture": mixture,
    "fixed_mixture": fixed_mixture,
}
