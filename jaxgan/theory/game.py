"""The game of the paper's section 4 with p_d and p_g known: value, optimal discriminator, criterion, decompositions."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.theory.distributions import densities, expectation, floating, in_base, known, number, pair
from jaxgan.theory.information import js_divergence, kl_divergence

LOG4 = math.log(4)


def value(d: ArrayLike, p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float = 1.0) -> jax.Array:
    """V(D, G) = E_{p_d}[log D] + E_{p_g}[log(1 − D)], the game's value for any discriminator.

    Args:
      d: [..., n], D(x) in [0, 1] at every point. A D that rounds to 1 where G reaches gives −inf; `value_of_logits`
        has no such limit.
      p_data, p_generator: [..., n], probabilities, or densities on one grid.
      cell_width: of the grid, for densities.

    Returns:
      [...], in [−inf, 0], in nats; −log 4 where D = ½ everywhere.

    Raises:
      ValueError: d leaves [0, 1], the others are not distributions, or the shapes differ.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equation 1.
    """
    p_data, p_generator = pair(p_data, p_generator, cell_width, ("p_data", "p_generator"))
    d = floating(d)
    if d.shape != p_data.shape:
        raise ValueError(f"d must have the shape of p_data, {p_data.shape}, got {d.shape}")
    outside = ~((d >= 0) & (d <= 1))
    if known(outside.any()):
        values = f"{number(d.min()):.6g} to {number(d.max()):.6g}"
        raise ValueError(f"d is a probability, in [0, 1], got values from {values}; apply sigmoid to logits")
    d = jnp.where(outside, jnp.nan, d)
    return _expected_log(p_data, d, cell_width) + _expected_log(p_generator, 1 - d, cell_width)


def value_of_logits(
    logits: ArrayLike, p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float = 1.0
) -> jax.Array:
    """V(D, G) for D = sigmoid(l): −E_{p_d}[softplus(−l)] − E_{p_g}[softplus(l)], exact for logits of any size.

    Args:
      logits: [..., n], l(x) at every point; ±inf where D is 1 or 0.
      p_data, p_generator: [..., n], probabilities, or densities on one grid.
      cell_width: of the grid, for densities.

    Returns:
      [...], in [−inf, 0], in nats.

    Raises:
      ValueError: p_data or p_generator is not a distribution, or the shapes differ.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equation 1.
    """
    p_data, p_generator = pair(p_data, p_generator, cell_width, ("p_data", "p_generator"))
    logits = floating(logits)
    if logits.shape != p_data.shape:
        raise ValueError(f"logits must have the shape of p_data, {p_data.shape}, got {logits.shape}")
    of_data = expectation(p_data, jax.nn.softplus(-logits), cell_width)
    return -of_data - expectation(p_generator, jax.nn.softplus(logits), cell_width)


def optimal_discriminator(p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float | None = None) -> jax.Array:
    """D*(x) = p_d(x) / (p_d(x) + p_g(x)), which maximises V for a fixed generator.

    Args:
      p_data, p_generator: [..., n], probabilities or densities at the same points.
      cell_width: if given, both must be distributions on a grid of that cell width; D* itself does not depend on it.

    Returns:
      [..., n], in [0, 1]; ½ at points that neither can reach, where every D is as good.

    Raises:
      ValueError: an entry is negative or not a number, the shapes differ, or with `cell_width` the mass is not 1.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), Proposition 1.
    """
    p_data, p_generator = densities(p_data, p_generator, cell_width)
    total = p_data + p_generator
    # The NaN of a bad entry is kept: NaN == 0 is false.
    return jnp.where(total == 0, 0.5, p_data / jnp.where(total == 0, 1.0, total))


def optimal_logits(p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float | None = None) -> jax.Array:
    """l*(x) = log p_d(x) − log p_g(x), the logit of D*: ±inf where one of the two cannot come, 0 where neither can.

    Args:
      p_data, p_generator: [..., n], probabilities or densities at the same points.
      cell_width: if given, both must be distributions on a grid of that cell width.

    Returns:
      [..., n].

    Raises:
      ValueError: as `optimal_discriminator`.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), Proposition 1, with D = sigmoid(l).
    """
    p_data, p_generator = densities(p_data, p_generator, cell_width)
    neither = (p_data == 0) & (p_generator == 0)
    p_data, p_generator = (jnp.where(neither, 1.0, p) for p in (p_data, p_generator))
    return jnp.log(p_data) - jnp.log(p_generator)


def criterion(
    p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float = 1.0, base: float | None = None
) -> jax.Array:
    """C(G) = max_D V(D, G) = −log 4 + 2·JSD(p_d‖p_g): smallest, −log 4, where p_g = p_d and only there.

    Args:
      p_data, p_generator: [..., n], probabilities, or densities on one grid.
      cell_width: of the grid, for densities.
      base: 2 for bits; None for nats.

    Returns:
      [...], in [−log 4, 0].

    Raises:
      ValueError: an argument is not a distribution, or the shapes differ.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), equations 4 and 6, Theorem 1.
    """
    p_data, p_generator = pair(p_data, p_generator, cell_width, ("p_data", "p_generator"))
    return in_base(2 * js_divergence(p_data, p_generator, cell_width=cell_width) - LOG4, base)


class MinimaxTerms(NamedTuple):
    """C(G) = V(D*, G) term by term, in nats.

    Attributes:
      constant: −log 4.
      jensen_shannon: 2·JSD(p_d‖p_g).
    """

    constant: jax.Array
    jensen_shannon: jax.Array

    @property
    def total(self) -> jax.Array:
        """The sum of the terms: V(D*, G)."""
        return self.constant + self.jensen_shannon


class NonSaturatingTerms(NamedTuple):
    """The non-saturating generator's loss at D*, E_{p_g}[−log D*], term by term, in nats.

    Attributes:
      kl: KL(p_g‖p_d), which the generator lowers.
      jensen_shannon: −2·JSD(p_d‖p_g), which pulls the other way.
      constant: 2 log 2.
      data: E_{p_d}[log D*]. It depends on the generator through D*: it is a constant only while D* is held fixed.
    """

    kl: jax.Array
    jensen_shannon: jax.Array
    constant: jax.Array
    data: jax.Array

    @property
    def total(self) -> jax.Array:
        """The sum of the terms: E_{p_g}[−log D*]."""
        return self.kl + self.jensen_shannon + self.constant + self.data


def minimax_terms(p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float = 1.0) -> MinimaxTerms:
    """V(D*, G) = −log 4 + 2·JSD(p_d‖p_g), term by term.

    Args:
      p_data, p_generator: [..., n], probabilities, or densities on one grid.
      cell_width: of the grid, for densities.

    Returns:
      The terms, each [...], in nats.

    Raises:
      ValueError: an argument is not a distribution, or the shapes differ.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), proof of Theorem 1.
    """
    p_data, p_generator = pair(p_data, p_generator, cell_width, ("p_data", "p_generator"))
    jsd = js_divergence(p_data, p_generator, cell_width=cell_width)
    return MinimaxTerms(jnp.full_like(jsd, -LOG4), 2 * jsd)


def non_saturating_terms(p_data: ArrayLike, p_generator: ArrayLike, *, cell_width: float = 1.0) -> NonSaturatingTerms:
    """E_{p_g}[−log D*] = KL(p_g‖p_d) − 2·JSD(p_d‖p_g) + 2 log 2 + E_{p_d}[log D*], term by term.

    Args:
      p_data, p_generator: [..., n], probabilities, or densities on one grid.
      cell_width: of the grid, for densities.

    Returns:
      The terms, each [...], in nats; `kl`, and so the sum, is `inf` where p_g reaches what p_d does not.

    Raises:
      ValueError: an argument is not a distribution, or the shapes differ.

    Source: Arjovsky and Bottou 2017 (arXiv:1701.04862), Theorem 2.5, whose gradient is that of the first two terms.
    """
    p_data, p_generator = pair(p_data, p_generator, cell_width, ("p_data", "p_generator"))
    jsd = js_divergence(p_data, p_generator, cell_width=cell_width)
    return NonSaturatingTerms(
        kl=kl_divergence(p_generator, p_data, cell_width=cell_width),
        jensen_shannon=-2 * jsd,
        constant=jnp.full_like(jsd, LOG4),
        # E_{p_d}[log p_d/(p_d + p_g)] = KL(p_d‖½(p_d + p_g)) − log 2.
        data=kl_divergence(p_data, (p_data + p_generator) / 2, cell_width=cell_width) - LOG4 / 2,
    )


def _expected_log(p: jax.Array, d: jax.Array, cell_width: float) -> jax.Array:
    return expectation(p, jnp.log(jnp.where(p > 0, d, 1.0)), cell_width)
